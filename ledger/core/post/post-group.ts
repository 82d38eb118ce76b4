import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import type { Leg } from '../../../proto/gen/meridian/v1/movement.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import { type Batch, EMPTY_ROW } from './batch.ts';
import type { LegOutcome, TransferCommand, TransferOutcome } from './command.ts';
import { NO_DETAILS, RowKind } from '../journal-row.ts';
import { amountIsOpen, transferOptions } from '../validate/options.ts';
import { postSingle, rejectSingle, type Single } from './post-single.ts';
import { legId, storedKey } from '../transfer-id.ts';

/**
 * Applies the legs of a group in order, all or none. Its row comes first and those of the legs
 * follow, also when it failed: then each leg's row states that, and the failing leg's row
 * states why.
 */
export function postGroup(
  batch: Batch,
  command: TransferCommand,
  legs: readonly Leg[],
): TransferOutcome {
  const singles = legs.map((leg, index): Single => ({
    id: legId(command.id, index),
    request: legRequest(leg),
    groupId: command.id,
  }));
  const runs = new Runs(legs);
  let outcomes: LegOutcome[] = [];
  let seq = 0;
  const applied = batch.attempt(() => {
    seq = groupRow(batch, command, Reason.UNSPECIFIED);
    for (const [index, single] of singles.entries()) {
      const outcome = postSingle(batch, { ...single, left: runs.leftFor(index) });
      runs.moved(outcome, index);
      outcomes.push({ id: single.id, outcome });
      if (outcome.reason !== Reason.UNSPECIFIED) return false;
    }
    return true;
  });
  let reason: Reason = Reason.UNSPECIFIED;
  if (!applied) {
    const breaker = outcomes.length - 1;
    reason = outcomes[breaker]?.outcome.reason ?? Reason.UNSPECIFIED;
    seq = groupRow(batch, command, reason);
    outcomes = singles.map((single, index) => ({
      id: single.id,
      outcome: rejectSingle(batch, single, index === breaker ? reason : Reason.GROUP_FAILED),
    }));
  }
  const details = { actualAmount: 0n, expiresAtMicros: null, legs: outcomes };
  return { kind: 'transfer', reason, seq, channel: null, details };
}

/** The amounts that the legs of a group leave to those that follow them with `rest`. */
class Runs {
  readonly #legs: readonly Leg[];
  /** Moved or held by the run so far. */
  #moved = 0n;

  constructor(legs: readonly Leg[]) {
    this.#legs = legs;
  }

  /** The rest of the total of a leg; undefined if its amount is its own. */
  leftFor(index: number): bigint | undefined {
    const leg = this.#legs[index];
    if (leg?.rest !== true) {
      this.#moved = 0n;
      return undefined;
    }
    return leg.amount > this.#moved ? leg.amount - this.#moved : 0n;
  }

  /** Takes what became of the leg that was asked about last. */
  moved({ details }: TransferOutcome, index: number): void {
    const leg = this.#legs[index];
    if (leg === undefined) return;
    this.#moved += amountIsOpen(leg) ? (details?.actualAmount ?? 0n) : leg.amount;
  }
}

function groupRow(batch: Batch, { id, request }: TransferCommand, reason: Reason): number {
  const { namespace, idempotencyKey, code, reference, metadata } = request;
  return batch.row({
    ...EMPTY_ROW,
    id,
    kind: RowKind.group,
    reason,
    namespace,
    key: storedKey(id, idempotencyKey),
    code,
    reference,
    metadata,
    details: { ...NO_DETAILS, options: transferOptions(request) },
  });
}

/** A leg as a transfer of its own, without a key. */
export function legRequest(leg: Leg): CreateTransferRequest & Pick<Leg, 'rest'> {
  return { ...leg, idempotencyKey: '', namespace: '', wait: 0, dryRun: false };
}
