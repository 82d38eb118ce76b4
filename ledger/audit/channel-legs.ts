import type { SettleLeg } from '../../proto/gen/meridian/internal/v1/book.ts';
import { RowKind } from '../core/journal-row.ts';
import { storedOptions } from '../core/validate/options.ts';
import { settlementId } from '../core/transfer-id.ts';
import { type AuditSql, FETCH_SIZE } from './read-book.ts';

/** A leg of a channel as one of its two ends has it. */
export interface Leg {
  readonly number: number;
  readonly id: string;
  readonly amount: bigint;
  readonly payer: bigint;
  readonly payee: bigint;
  readonly text: string;
  /** Of a reversal that left: the row that it draws on. */
  readonly drawnId: string | null;
  /** The same as it was asked; a repair may not find it any more. */
  readonly reverses: string | null;
  /** Of a reversal that arrived: the transfer that it reverses. */
  readonly reversalOf: string | null;
  /** Of a second leg: 0 if it was posted. */
  readonly reason: number;
  /** All of it, as it travels. */
  readonly content: SettleLeg;
}

export type Direction = 'sent' | 'arrived';

/** The legs of a channel in the order of their numbers. */
export async function* legs(sql: AuditSql, peerBook: number, way: Direction): AsyncGenerator<Leg> {
  let after = 0;
  for (;;) {
    const page = await fetchLegs(sql, peerBook, way, after + 1, FETCH_SIZE);
    yield* page;
    after = page.at(-1)?.number ?? after;
    if (page.length < FETCH_SIZE) return;
  }
}

interface Row {
  number: bigint;
  kind: RowKind;
  id: string;
  origin_id: string | null;
  drawn_id: string | null;
  amount: bigint;
  near: bigint;
  far: bigint;
  text: string;
  reason: number;
  asset: string;
  code: number | null;
  reference: string | null;
  metadata: Record<string, string> | null;
  options: string | null;
}

const COLUMNS = `j.channel_number AS number, j.kind, j.id, j.origin_id, j.amount, j.reason,
  j.peer_account AS far, CASE WHEN j.kind IN (2, 10, 14) THEN j.drawn_id END AS drawn_id,
  CASE WHEN j.kind = 2 THEN j.credit_account ELSE j.debit_account END AS near,
  concat(j.code, ':', j.reference, ':', j.metadata) AS text,
  a.asset, j.code, j.reference, j.metadata, j.options`;

/** Conditions of rows with legs of one way, each of which has an index of its own. */
const ROWS: Readonly<Record<Direction, readonly string[]>> = {
  arrived: ['j.kind = 2'],
  sent: [
    // Without those whose number a repair gave to another leg.
    `j.kind NOT IN (2, 14) AND NOT EXISTS (SELECT 1 FROM journal r
      WHERE r.kind = 14 AND r.peer_book = j.peer_book AND r.channel_number = j.channel_number)`,
    'j.kind = 14',
  ],
};

/** Legs with numbers from `first`, in order. */
export async function fetchLegs(
  sql: AuditSql,
  peerBook: number,
  way: Direction,
  first: number,
  limit = 1,
): Promise<Leg[]> {
  const halves: Row[] = [];
  for (const condition of ROWS[way]) {
    const half = await sql<Row[]>`
      SELECT ${sql.unsafe(COLUMNS)} FROM journal j JOIN account a ON a.id = j.debit_account
       WHERE j.peer_book = ${peerBook} AND ${sql.unsafe(condition)} AND j.channel_number >= ${first}
       ORDER BY j.channel_number LIMIT ${limit}`;
    halves.push(...half);
  }
  return halves
    .toSorted((a, b) => Number(a.number - b.number))
    .slice(0, limit)
    .map((row) => legFrom(row, peerBook));
}

/** The legs that left for a book and whose numbers a repair gave to others. */
export async function supersededLegs(sql: AuditSql, peerBook: number): Promise<Leg[]> {
  const rows = await sql<Row[]>`
    SELECT ${sql.unsafe(COLUMNS)} FROM journal j JOIN account a ON a.id = j.debit_account
      JOIN journal o ON o.kind = 14 AND o.peer_book = j.peer_book
       AND o.channel_number = j.channel_number AND o.debit_version IS NOT NULL
     WHERE j.peer_book = ${peerBook} AND j.kind NOT IN (2, 14)
     ORDER BY j.channel_number`;
  return rows.map((row) => legFrom(row, peerBook));
}

function legFrom(row: Row, peerBook: number): Leg {
  const { kind, near, far, amount } = row;
  const arrived = kind === RowKind.settlement;
  const reversalOf = arrived ? row.drawn_id : reversed(row);
  const id = (kind === RowKind.recovered || arrived ? row.origin_id : row.id) ?? '';
  const [payer, payee] = arrived ? [far, near] : [near, far];
  return {
    number: Number(row.number),
    id,
    amount,
    payer,
    payee,
    text: row.text,
    drawnId: arrived ? null : row.drawn_id,
    reverses: reversedRow(row, peerBook, reversalOf),
    reversalOf: arrived ? row.drawn_id : null,
    reason: row.reason,
    content: {
      transferId: id,
      debitAccountId: payer,
      creditAccountId: payee,
      amount,
      asset: row.asset,
      code: row.code ?? 0,
      reference: row.reference ?? '',
      metadata: row.metadata ?? {},
      reversalOf: reversalOf ?? '',
    },
  };
}

/** Of a reversal that left: id of the row that it is of. */
function reversedRow(row: Row, peerBook: number, reversalOf: string | null): string | null {
  if (row.kind === RowKind.settlement) return null;
  if (row.kind !== RowKind.recovered) return row.drawn_id;
  return reversalOf === null ? null : settlementId(peerBook, reversalOf);
}

function reversed({ kind, options }: Row): string | null {
  if (options === null || (kind !== RowKind.reversal && kind !== RowKind.recovered)) return null;
  try {
    const { action } = storedOptions(options);
    return action?.$case === 'reversal' ? action.value.transferId : null;
  } catch {
    // The scan of the journal has found that they cannot be read.
    return null;
  }
}
