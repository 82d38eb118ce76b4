import type { SettleLeg } from '../../proto/gen/meridian/internal/v1/book.ts';
import type { Reason } from '../../proto/gen/meridian/v1/reason.ts';
import { RowKind } from '../core/journal-row.ts';
import type { Channel } from '../core/book-state.ts';
import type { CaptureOf } from '../core/command.ts';
import { storedOptions } from '../core/options.ts';
import type { Sql } from './connect.ts';

export interface NumberedLeg {
  readonly number: number;
  readonly leg: SettleLeg;
  /** Null: it is no capture. */
  readonly capture: CaptureOf | null;
}

interface LegRow {
  channel_number: bigint;
  id: string;
  debit_account: bigint;
  peer_account: bigint;
  amount: bigint;
  asset: string;
  code: number | null;
  reference: string | null;
  metadata: Record<string, string> | null;
  kind: RowKind;
  options: string | null;
  drawn_id: string | null;
}

/** Every channel of the book. */
export async function readChannels(sql: Sql): Promise<Channel[]> {
  const rows = await sql<
    { peer_book: number; sent: bigint; settled: bigint; applied: bigint }[]
  >`SELECT peer_book, sent, settled, applied FROM channel`;
  return rows.map((row) => ({
    peerBook: row.peer_book,
    sent: Number(row.sent),
    settled: Number(row.settled),
    applied: Number(row.applied),
  }));
}

/** Legs sent to a book with a number above `after`, in order. */
export async function readLegsAfter(
  sql: Sql,
  peerBook: number,
  after: number,
  limit: number,
): Promise<NumberedLeg[]> {
  const rows = await sql<LegRow[]>`
    SELECT j.channel_number, j.id, j.debit_account, j.peer_account, j.amount, a.asset,
           j.code, j.reference, j.metadata, j.kind, j.options, j.drawn_id
      FROM journal j JOIN account a ON a.id = j.debit_account
     WHERE j.peer_book = ${peerBook} AND j.kind <> ${RowKind.settlement}
       AND j.channel_number > ${after}
     ORDER BY j.channel_number LIMIT ${limit}`;
  return rows.map((row) => ({
    number: Number(row.channel_number),
    leg: {
      transferId: row.id,
      debitAccountId: row.debit_account,
      creditAccountId: row.peer_account,
      amount: row.amount,
      asset: row.asset,
      code: row.code ?? 0,
      reference: row.reference ?? '',
      metadata: row.metadata ?? {},
      reversalOf: reversedTransfer(row),
    },
    capture: captureOf(row),
  }));
}

/** Id of the transfer that a leg reverses; '' if it reverses none. */
function reversedTransfer({ kind, options }: LegRow): string {
  if (kind !== RowKind.reversal) return '';
  const { action } = storedOptions(options ?? '');
  return action?.$case === 'reversal' ? action.value.transferId : '';
}

/** What a leg captured; null if it captured nothing. */
function captureOf({ kind, options, drawn_id: holdId }: LegRow): CaptureOf | null {
  if (kind !== RowKind.capture || holdId === null) return null;
  const { action } = storedOptions(options ?? '');
  return { holdId, final: action?.$case === 'capture' && action.value.final };
}

/** Numbers after `after` up to `through` of an inbound channel that this book refused. */
export async function readRefusals(
  sql: Sql,
  originBook: number,
  after: number,
  through: number,
): Promise<{ number: number; reason: Reason }[]> {
  const rows = await sql<{ channel_number: bigint; reason: Reason }[]>`
    SELECT channel_number, reason FROM journal
     WHERE peer_book = ${originBook} AND kind = ${RowKind.settlement} AND reason <> 0
       AND channel_number > ${after} AND channel_number <= ${through}
     ORDER BY channel_number`;
  return rows.map((row) => ({
    number: Number(row.channel_number),
    reason: row.reason,
  }));
}
