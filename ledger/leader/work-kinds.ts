import type { BatchPart, WorkKind } from './kinds/batch-part.ts';
import { change } from './kinds/changes.ts';
import { asset, command } from './kinds/commands.ts';
import { open } from './kinds/openings.ts';
import { plain } from './kinds/plain-transfers.ts';
import { proof } from './kinds/proofs.ts';
import { transfers } from './kinds/transfers.ts';
import type { Work, WorkByKind, WorkName } from './work.ts';

/** Every kind of work, each defined in a file of its own in kinds/. */
const workKinds = { plain, asset, open, change, command, proof, transfers };

type Kinds = { readonly [K in WorkName]: WorkKind<WorkByKind[K], BatchPart> };
const byName: Kinds = workKinds;

/** The parts of a batch, one for each kind of work. */
export type BatchParts = {
  readonly [K in WorkName]: ReturnType<(typeof workKinds)[K]['newPart']>;
};

/**
 * Divides the works of a batch by their kinds. The parts are in the order in which they are
 * posted: what brings or frees money comes before what spends it. What is plain comes first of all,
 * and goes to the general lane if it is refused for want of money.
 */
export function newParts(works: readonly Work[], now: number): BatchParts {
  const those = <K extends WorkName>(kind: K) =>
    works.filter((work): work is WorkByKind[K] => work.kind === kind);
  const parts = {
    plain: plain.newPart(those('plain'), now),
    asset: asset.newPart(those('asset'), now),
    open: open.newPart(those('open'), now),
    change: change.newPart(those('change'), now),
    command: command.newPart(those('command'), now),
    proof: proof.newPart(those('proof'), now),
    transfers: transfers.newPart(those('transfers'), now),
  };
  parts.plain.connect(works, parts.transfers);
  return parts;
}

/** How many rows of the journal the work may lead to, about. */
export function rowsOfWork(work: Work): number {
  return rowsAs(work.kind, work);
}

function rowsAs<K extends WorkName>(kind: K, work: WorkByKind[K]): number {
  return byName[kind].rows(work);
}

/** True: the work is refused when too much waits. */
export function isBounded({ kind }: Work): boolean {
  return byName[kind].bounded === true;
}

/** True: also a book that has lost rows does the work. */
export function isDoneAfterLoss(work: Work): boolean {
  return afterLossAs(work.kind, work);
}

function afterLossAs<K extends WorkName>(kind: K, work: WorkByKind[K]): boolean {
  return byName[kind].evenAfterLoss?.(work) === true;
}
