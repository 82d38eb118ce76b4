import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RegionName } from '../topology/layout.ts';
import type { Book, Installation } from './installation.ts';
import { LeaderWatch } from './leader-watch.ts';
import type { Member } from './member.ts';
import { type Acting, type Operation, type OperationResult, requireDoable } from './operation.ts';
import { PatroniRefusal } from './patroni.ts';
import { ledFrom, NEXT_AFTER_LOSS, planFailover } from './plan.ts';
import { Recorder } from './recorder.ts';
import { headOf, primaryOf } from './safety.ts';
import { until } from './within.ts';

const PROMOTED_MS = 60_000;
const LEADING_MS = 60_000;
/** A copy that is alone leads only when another one follows, whenever that may be. */
const LEADING_ALONE_MS = 10_000;

/** Makes a region lead a book without a leader: it has all rows, or the loss is accepted. */
export async function failover(
  installation: Installation,
  book: Book,
  to: RegionName,
  acting: Acting & { readonly acceptLoss?: boolean },
): Promise<Operation> {
  const acceptLoss = acting.acceptLoss === true;
  const facts = await installation.patientFacts(book);
  const plan = planFailover(facts, to, acceptLoss);
  requireDoable(plan);
  const from = ledFrom(facts)?.member.region ?? 'none';
  const mayBeLost = plan.warnings.join('; ');
  const recorder = new Recorder('failover', book.name, acting, { from, to, acceptLoss, mayBeLost });
  const candidate = installation.member(book, to);
  return recorder.during([book], async () => {
    for (const warning of plan.warnings) recorder.step(warning);
    const consent = mayBeLost === '' ? undefined : consentFile(installation, candidate);
    if (consent !== undefined) writeFileSync(consent, `${acting.by}: ${acting.why}\n`);
    try {
      const epoch = headOf(facts)?.epoch ?? 0;
      const waitMs = consent === undefined ? LEADING_MS : LEADING_ALONE_MS;
      const led = await promote(installation, book, candidate, epoch, waitMs, recorder);
      if (consent !== undefined) recorder.step(NEXT_AFTER_LOSS);
      return { from, to, ...led };
    } finally {
      // An unused consent must not allow a later promotion that no operator has asked for.
      if (consent !== undefined) rmSync(consent, { force: true });
    }
  });
}

/** The file that makes the promotion guard of a member pass once, see replicated/. */
function consentFile({ dataDir }: Installation, { state }: Member): string {
  return join(dataDir, state.region, state.bookName, 'accept-loss');
}

async function promote(
  installation: Installation,
  book: Book,
  candidate: Member,
  epoch: number,
  waitMs: number,
  recorder: Recorder,
): Promise<OperationResult> {
  const { name, region: to, ledgerAddress } = candidate.state;
  const watch = new LeaderWatch(book);
  try {
    recorder.step(`promoting ${book.name} in ${to}`);
    const led = watch.newLeader(epoch, PROMOTED_MS + waitMs);
    led.catch(() => undefined);
    const refusal = candidate.patroni.failover(name).catch((error: unknown) => {
      // Any other error concerns only the call: whether the book moves is seen below.
      if (error instanceof PatroniRefusal) throw error;
    });
    const promoted = until(`that ${to} is promoted`, PROMOTED_MS, async () => {
      const primary = primaryOf(await installation.facts(book));
      return primary?.facts.member.name === name ? true : undefined;
    });
    await Promise.race([promoted, refusal.then(() => promoted)]);
    recorder.step(`${to} is promoted; its ledger server leads once another copy follows`);
    const late = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), waitMs));
    const leader = await Promise.race([led, late]);
    if (leader === undefined) {
      recorder.step(`${book.name} takes no payments until another copy follows ${to}`);
      return { promoted: true, leading: false };
    }
    if (leader.address !== ledgerAddress) throw new Error(`it is led at ${leader.address} instead`);
    recorder.step(`${to} leads ${book.name} in epoch ${leader.epoch}`);
    return { promoted: true, leading: true, epoch: leader.epoch };
  } finally {
    watch.close();
  }
}
