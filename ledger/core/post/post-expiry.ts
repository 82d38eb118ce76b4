import { NO_DETAILS, RowKind } from '../journal-row.ts';
import { expiryId } from '../transfer-id.ts';
import { type Batch, EMPTY_ROW } from './batch.ts';
import type { ExpireCommand, ExpireOutcome } from './command.ts';
import type { CommandKind } from './command-kind.ts';
import { free, isDue, partiesOfHold } from './post-hold.ts';

/** Timeouts are whole seconds: no hold expires sooner after its row. */
const SOONEST_MICROS = 1_000_000;

/**
 * Frees what is left of the holds whose time is up. Others, and those that ended, stay.
 *
 * The cursor passes no hold that was not examined: none that expires after this batch, as the
 * clock may have been set back since the holds were read, and none whose commit took so long
 * that it was not seen then. Rows that were not seen are younger than the newest that was.
 */
function postExpiry(batch: Batch, { holds, swept, seen }: ExpireCommand): ExpireOutcome {
  let expired = 0;
  for (const id of holds) {
    const hold = batch.original(id);
    if (hold?.kind !== RowKind.hold || !hold.applied || hold.left === 0n) continue;
    if (!isDue(batch, hold)) continue;
    const { drawn, ...freed } = free({ hold, ...partiesOfHold(batch, hold) }, RowKind.expiry);
    batch.row({
      ...EMPTY_ROW,
      ...freed,
      id: expiryId(id),
      kind: RowKind.expiry,
      debitAccount: hold.debitAccountId,
      details: { ...NO_DETAILS, drawn },
    });
    expired += 1;
  }
  const unseenFrom = batch.seqBefore > seen.seq ? seen.atMicros + SOONEST_MICROS : Infinity;
  if (swept.expiresAtMicros <= Math.min(batch.atMicros, unseenFrom)) batch.swept = swept;
  return { kind: 'expire', expired };
}

export const expire: CommandKind<'expire'> = {
  rows: ({ holds }) => holds.length,
  addNeeds: ({ originals }, { holds }) => {
    for (const id of holds) originals.add(id);
  },
  post: postExpiry,
};
