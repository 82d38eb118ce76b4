import { TransferStatus } from '../../../proto/gen/meridian/v1/transfer.ts';
import { RowKind } from '../../core/journal-row.ts';

/** Why the money of row `j`, which went to another book, came back; null if it did not. */
const RETURN_REASON = 'return_reason(j.id, j.seq)';

/** Status of a hold by `d`, the newest row that draws on it; none has, if its columns are null. */
const HOLD_STATUS = `CASE
    WHEN d.drawn_left IS NULL OR d.drawn_left > 0 THEN ${TransferStatus.HELD}
    WHEN d.kind IN (${RowKind.capture}, ${RowKind.rest}) THEN ${TransferStatus.CAPTURED}
    WHEN d.kind = ${RowKind.release} THEN ${TransferStatus.RELEASED}
    ELSE ${TransferStatus.EXPIRED} END`;

const WENT_AWAY = `j.channel_number IS NOT NULL AND j.kind <> ${RowKind.settlement}`;

const statusOf = (hold: string) => `CASE
  WHEN j.reason <> 0 THEN ${TransferStatus.REJECTED}
  WHEN j.kind = ${RowKind.release} THEN ${TransferStatus.RELEASED}
  WHEN j.kind = ${RowKind.hold} AND j.amount IS NULL THEN ${TransferStatus.CAPTURED}
  WHEN j.kind = ${RowKind.hold} THEN ${hold}
  WHEN NOT (${WENT_AWAY}) THEN ${TransferStatus.POSTED}
  WHEN ${RETURN_REASON} IS NOT NULL THEN ${TransferStatus.RETURNED}
  WHEN j.channel_number > (SELECT c.settled FROM channel c WHERE c.peer_book = j.peer_book)
  THEN ${TransferStatus.IN_TRANSIT}
  ELSE ${TransferStatus.POSTED} END`;

/**
 * Status of the transfer of row `j`. It looks up other rows, by functions of the database, only
 * where they can matter; so a plain transfer within one book costs nothing.
 */
export const TRANSFER_STATUS = statusOf(`(SELECT ${HOLD_STATUS} FROM newest_draw(j.id, j.seq) d)`);

/** The amount that can still be captured of a hold, or reversed of a transfer in this book. */
const LEFT = `CASE
  WHEN j.reason = 0 AND (j.kind = ${RowKind.hold} OR j.peer_book IS NULL AND
       j.kind IN (${RowKind.transfer}, ${RowKind.capture}))
  THEN COALESCE(d.drawn_left, j.amount, 0) ELSE 0 END`;

/** The captured amount of a hold, less what came back. */
const CAPTURED = `CASE WHEN j.reason = 0 AND j.kind = ${RowKind.hold}
  THEN captured_amount(j.id, j.seq) ELSE 0 END`;

/** Everything that `storedTransfer` needs of row `j`, with `d` of newestDraws. */
export const TRANSFER_COLUMNS = `
  j.id, j.kind, j.seq, j.epoch,
  CASE WHEN j.kind = ${RowKind.settlement} THEN j.peer_account ELSE j.debit_account END AS payer,
  CASE WHEN j.kind = ${RowKind.settlement} THEN j.credit_account
       ELSE COALESCE(j.peer_account, j.credit_account) END AS payee,
  j.amount, j.peer_book, j.channel_number, j.origin_id, j.drawn_id, j.namespace, j.key, j.asset, j.code,
  j.reference, j.metadata, j.group_id, j.options, j.changed_by,
  (extract(epoch FROM j.at) * 1000000)::int8 AS at_micros,
  (extract(epoch FROM j.expires_at) * 1000000)::int8 AS expires_micros,
  ${statusOf(HOLD_STATUS)} AS status,
  CASE WHEN ${WENT_AWAY} THEN COALESCE(${RETURN_REASON}, j.reason) ELSE j.reason END AS final_reason,
  ${LEFT} AS left_amount, ${CAPTURED} AS captured_amount`;

/** Joins row `d`, the newest that draws on it, to each row `j` of a query that is named. */
export const newestDraws = (rows: string) =>
  `LEFT JOIN newest_draws(ARRAY(SELECT id FROM ${rows})) d ON d.id = j.id`;
