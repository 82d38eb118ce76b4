import { Batch, ChannelDiverged, EMPTY_ROW } from './batch.ts';
import type { BookState, Posted } from './book-state.ts';
import type * as command from './command.ts';
import { NO_DETAILS, RowKind } from '../journal-row.ts';
import { postAsset, postChange, postOpening } from './post-account.ts';
import { postGroup } from './post-group.ts';
import { postDivergence, postRecovery, postRehash } from './post-recovery.ts';
import { postClose, postSettlement } from './post-settlement.ts';
import { free, isDue, partiesOfHold } from './post-hold.ts';
import { postSingle } from './post-transfer.ts';
import { expiryId } from '../transfer-id.ts';

/**
 * Executes commands in order, each seeing what the ones before it did. A pure function of its
 * arguments: no I/O, no clock. No id of a transfer or change may be known to the journal or
 * occur twice.
 *
 * @param atMicros time of the batch, later than that of any batch before it
 */
export function post(
  state: BookState,
  commands: readonly command.Command[],
  atMicros: number,
): Posted {
  const batch = new Batch(state, atMicros);
  const outcomes = commands.map((item) => execute(batch, item));
  const { rows, opened, accounts, channels, originals, registered, swept } = batch;
  const posted = { outcomes, rows, opened, accounts, channels, originals, registered, swept };
  return { ...posted, regionBooks: batch.newRegionBooks };
}

function execute(batch: Batch, item: command.Command): command.Outcome {
  switch (item.kind) {
    case 'transfer':
      return transfer(batch, item);
    case 'open':
      return postOpening(batch, item);
    case 'change':
      return postChange(batch, item);
    case 'asset':
      return postAsset(batch, item);
    case 'settle':
      return postSettlement(batch, item);
    case 'close':
      return postClose(batch, item);
    case 'diverge':
      return postDivergence(batch, item);
    case 'rehash':
      return postRehash(batch, item);
    case 'recover':
      return postRecovery(batch, item);
    case 'expire':
      return expire(batch, item);
  }
}

function transfer(
  batch: Batch,
  item: command.TransferCommand,
): command.TransferOutcome | command.HaltedOutcome {
  const { id, request } = item;
  try {
    return request.action?.$case === 'group'
      ? postGroup(batch, item, request.action.value.legs)
      : postSingle(batch, { id, request, groupId: null });
  } catch (error) {
    if (error instanceof ChannelDiverged) return { kind: 'halted', peerBook: error.peerBook };
    throw error;
  }
}

/** Timeouts are whole seconds: no hold expires sooner after its row. */
const SOONEST_MICROS = 1_000_000;

/**
 * Frees what is left of the holds whose time is up. Others, and those that ended, stay.
 *
 * The cursor passes no hold that was not examined: none that expires after this batch, as the
 * clock may have been set back since the holds were read, and none whose commit took so long
 * that it was not seen then. Rows that were not seen are younger than the newest that was.
 */
function expire(
  batch: Batch,
  { holds, swept, seen }: command.ExpireCommand,
): command.ExpireOutcome {
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
