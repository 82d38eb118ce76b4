import { EventKind } from '../../proto/gen/meridian/v1/event.ts';
import { type Entry, Side } from '../../proto/gen/meridian/v1/query.ts';
import { RowKind } from '../core/journal-row.ts';
import { timestampFrom } from '../core/timestamp.ts';
import type { Queries } from './connect.ts';
import { readSeen, type Seen } from './read-position.ts';

interface Row {
  version: bigint;
  side: keyof typeof SIDES;
  amount: bigint | null;
  counterparty: bigint | null;
  debits_after: bigint;
  credits_after: bigint;
  balance_after: bigint;
  held_debits_after: bigint;
  held_credits_after: bigint;
  available_after: bigint;
  transfer_id: string;
  drawn_id: string | null;
  origin_id: string | null;
  group_id: string | null;
  kind: EventKind;
  seq: bigint;
  epoch: bigint;
  key: string | null;
  code: number | null;
  reference: string | null;
  metadata: Record<string, string> | null;
  changed_by: string | null;
  at_micros: bigint;
}

const SIDES = { debit: Side.DEBIT, credit: Side.CREDIT, none: Side.UNSPECIFIED } as const;

/** Rows that move money; the others change what is held, or settings. */
const MOVING = [
  RowKind.transfer,
  RowKind.settlement,
  RowKind.return,
  RowKind.capture,
  RowKind.reversal,
  RowKind.recovered,
];

export interface EntryPage {
  readonly account: bigint;
  /** Entries after the first of these versions, through the second. */
  readonly after: bigint;
  readonly through: bigint;
  /** True: only entries that moved money. */
  readonly movingOnly: boolean;
  readonly newestFirst: boolean;
  readonly limit: number;
}

/**
 * A page of an account's entries, by version. Each side is read along its own index,
 * because the planner does not merge the two of the view and would sort all versions of a busy
 * account.
 *
 * A row names what it draws on by the id of a row of this book; for a transfer that came from
 * another book that is its settlement, which names the transfer.
 */
export async function readEntries(
  sql: Queries,
  book: number,
  page: EntryPage,
): Promise<Seen<Entry[]>> {
  const { account, after, through, limit } = page;
  const order = page.newestFirst ? sql`DESC` : sql`ASC`;
  const moving = page.movingOnly ? sql`AND kind IN (${sql.unsafe(MOVING.join(', '))})` : sql``;
  const query = sql`
    WITH page AS (
      (SELECT debit_version AS version FROM journal
        WHERE debit_account = ${account}
          AND debit_version > ${after} AND debit_version <= ${through} ${moving}
        ORDER BY debit_version ${order} LIMIT ${limit})
       UNION ALL
      (SELECT credit_version FROM journal
        WHERE credit_account = ${account}
          AND credit_version > ${after} AND credit_version <= ${through} ${moving}
        ORDER BY credit_version ${order} LIMIT ${limit})
       ORDER BY version ${order} LIMIT ${limit}
    )
    SELECT e.*, (extract(epoch FROM e.at) * 1000000)::int8 AS at_micros,
           (SELECT o.origin_id FROM journal o WHERE o.id = e.drawn_id) AS origin_id
      FROM page
     CROSS JOIN LATERAL (
            SELECT * FROM entry
             WHERE entry.account = ${account} AND entry.version = page.version OFFSET 0) e
     ORDER BY page.version ${order}`;
  const { found, end } = await readSeen<Row>(sql, query, sql`ORDER BY rows.version ${order}`);
  return { found: found.map((row) => entryFrom(row, book)), end };
}

function entryFrom(row: Row, book: number): Entry {
  const originId = row.origin_id ?? row.drawn_id ?? '';
  return {
    version: row.version,
    side: SIDES[row.side],
    amount: row.amount ?? 0n,
    counterpartyAccountId: row.counterparty ?? 0n,
    debitsAfter: row.debits_after,
    creditsAfter: row.credits_after,
    balanceAfter: row.balance_after,
    heldDebitsAfter: row.held_debits_after,
    heldCreditsAfter: row.held_credits_after,
    availableAfter: row.available_after,
    // No caller requests an expiry: it is reported as part of its hold.
    transferId: row.kind === EventKind.EXPIRY ? originId : row.transfer_id,
    idempotencyKey: row.key ?? '',
    code: row.code ?? 0,
    reference: row.reference ?? '',
    metadata: row.metadata ?? {},
    position: { book, epoch: row.epoch, seq: row.seq },
    postedAt: timestampFrom(Number(row.at_micros)),
    kind: row.kind,
    originId,
    groupId: row.group_id ?? '',
    by: row.changed_by ?? '',
  };
}
