import type { NumberedLeg as ListedLeg } from '../../../proto/gen/meridian/internal/v1/book.ts';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import type { Channel } from '../../core/channel.ts';
import { RowKind } from '../../core/journal-row.ts';
import { idsLiteral } from './array-literal.ts';
import type postgres from 'postgres';
import type { Sql } from './connect.ts';
import type { NumberedLeg } from '../stored-records.ts';
import {
  type LegRow,
  REVERSES,
  captureOf,
  legFrom,
  listedCapture,
  reversedTransfer,
} from '../stored-leg.ts';

/** Every channel of the book. */
export async function readChannels(sql: Sql): Promise<Channel[]> {
  const rows = await sql<
    {
      peer_book: number;
      sent: bigint;
      settled: bigint;
      applied: bigint;
      settled_hashed: bigint;
      settled_hash: Uint8Array;
      applied_hashed: bigint;
      applied_hash: Uint8Array;
      diverged_book: number | null;
      diverged_number: bigint | null;
      diverged_why: string | null;
    }[]
  >`SELECT peer_book, sent, settled, applied, settled_hashed, settled_hash, applied_hashed,
           applied_hash, diverged_book, diverged_number, diverged_why FROM channel`;
  return rows.map((row) => ({
    peerBook: row.peer_book,
    sent: Number(row.sent),
    settled: Number(row.settled),
    applied: Number(row.applied),
    settledHash: { through: Number(row.settled_hashed), value: hexOf(row.settled_hash) },
    appliedHash: { through: Number(row.applied_hashed), value: hexOf(row.applied_hash) },
    diverged:
      row.diverged_book === null
        ? null
        : {
            book: row.diverged_book,
            number: Number(row.diverged_number),
            why: row.diverged_why ?? '',
          },
  }));
}

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** Legs sent to a book with a number above `after`, in order. */
export async function readLegsAfter(
  sql: Sql,
  peerBook: number,
  after: number,
  limit: number,
): Promise<NumberedLeg[]> {
  return readLegs(sql, peerBook, sql`channel_number > ${after}`, limit);
}

async function readLegs(
  sql: Sql,
  peerBook: number,
  wanted: postgres.PendingQuery<postgres.Row[]>,
  limit: number,
): Promise<NumberedLeg[]> {
  const rows = await sql<LegRow[]>`
    SELECT channel_number, transfer_id, debit_account, credit_account, amount, asset, code,
           reference, metadata, kind, options, drawn_id,
           (extract(epoch FROM at) * 1000000)::int8 AS at_micros
      FROM outbound_leg WHERE peer_book = ${peerBook} AND ${wanted}
     ORDER BY channel_number LIMIT ${limit}`;
  return rows.map((row) => ({
    number: Number(row.channel_number),
    leg: legFrom(row, reversedTransfer(row)),
    drawn: row.drawn_id !== null && REVERSES.has(row.kind) ? row.drawn_id : null,
    kind: row.kind,
    atMicros: Number(row.at_micros),
    capture: captureOf(row),
  }));
}

/** Legs that arrived from a book with a number above `after`, in order, and their results. */
export async function readArrivedLegs(
  sql: Sql,
  originBook: number,
  after: number,
  limit: number,
): Promise<ListedLeg[]> {
  const rows = await sql<(LegRow & { reason: Reason })[]>`
    SELECT j.channel_number, j.origin_id AS transfer_id, j.peer_account AS debit_account,
           j.credit_account, j.amount, a.asset, j.code, j.reference, j.metadata, j.kind, j.options,
           j.drawn_id, j.reason, (extract(epoch FROM j.at) * 1000000)::int8 AS at_micros
      FROM journal j JOIN account a ON a.id = j.debit_account
     WHERE j.peer_book = ${originBook} AND j.kind = ${sql.unsafe(String(RowKind.settlement))}
       AND j.channel_number > ${after}
     ORDER BY j.channel_number LIMIT ${limit}`;
  return rows.map((row) => ({
    number: row.channel_number,
    leg: legFrom(row, row.drawn_id ?? ''),
    reason: row.reason,
    atMicros: row.at_micros,
    capture: listedCapture(row.channel_number, captureOf(row)),
  }));
}

/**
 * Legs sent to a book with numbers above `after` up to `through`, in order, and their results as
 * this book has closed them.
 */
export async function readClosedLegs(
  sql: Sql,
  peerBook: number,
  {
    after,
    through,
    limit,
  }: { readonly after: number; readonly through: number; readonly limit: number },
): Promise<ListedLeg[]> {
  const wanted = sql`channel_number > ${after} AND channel_number <= ${through}`;
  const legs = await readLegs(sql, peerBook, wanted, limit);
  const ids = legs.map(({ leg }) => leg.transferId);
  const returned = await sql<{ origin_id: string; reason: Reason }[]>`
    SELECT origin_id, reason FROM journal
     WHERE kind = ${sql.unsafe(String(RowKind.return))} AND origin_id = ANY(${idsLiteral(ids)}::uuid[])`;
  const reasons = new Map(returned.map((row) => [row.origin_id, row.reason]));
  return legs.map(({ number, leg, atMicros, capture }) => ({
    number: BigInt(number),
    leg,
    reason: reasons.get(leg.transferId) ?? Reason.UNSPECIFIED,
    atMicros: BigInt(atMicros),
    capture: listedCapture(BigInt(number), capture),
  }));
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
