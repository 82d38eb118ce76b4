import type { Channel, OpenedAccount } from '../core/post.ts';
import type { JournalRow } from '../core/journal-row.ts';
import { idsLiteral, numbersLiteral, textsLiteral } from './array-literal.ts';
import type { Sql } from './connect.ts';

/** What the head must be for a batch to be appended, and what it becomes. */
export interface HeadMove {
  /** The leader's epoch; at a take-over the one before. */
  readonly epochBefore: number;
  readonly epochAfter: number;
  /** Set at a take-over: address of the new leader. */
  readonly leader?: string;
  readonly seqBefore: number;
  readonly seqAfter: number;
  readonly chainAfter: Uint8Array;
  readonly atMicros: number;
  /** Accounts opened so far, after the batch. */
  readonly accountsAfter: number;
}

export interface Append {
  readonly head: HeadMove;
  readonly rows: readonly JournalRow[];
  readonly opened: readonly OpenedAccount[];
  readonly channels: readonly Channel[];
}

/**
 * Appends a batch in one statement, which is one transaction and one round trip: compare and
 * set the head, and only if that succeeded insert the rows, the opened accounts and the
 * channels. READ COMMITTED is enough: the head's row lock orders writers, and the comparison is
 * made again after waiting for it.
 *
 * @returns false if the head has moved: another leader owns the book, nothing was written
 * @throws PostgresError 23505 on `journal_id_key` if a transfer's id is in the journal already
 */
export async function append(sql: Sql, batch: Append): Promise<boolean> {
  const statement = new Statement();
  const { head } = batch;
  const at = statement.value(head.atMicros, 'int8');
  const chain = statement.value(head.chainAfter, 'bytea');
  statement.with(
    'fence',
    `UPDATE head SET seq = ${statement.value(head.seqAfter, 'int8')}, chain = ${chain},
            at = ${timestamp(at)}, accounts = ${statement.value(head.accountsAfter, 'int8')}
            ${takeOver(statement, head)}
      WHERE epoch = ${statement.value(head.epochBefore, 'int8')}
        AND seq = ${statement.value(head.seqBefore, 'int8')}
      RETURNING book`,
  );
  if (batch.opened.length > 0) insertAccounts(statement, batch.opened, at);
  if (batch.channels.length > 0) upsertChannels(statement, batch.channels);
  if (batch.rows.length > 0) insertRows(statement, batch, { at, chain });
  const result = await statement.run(sql);
  return Number(result[0]?.['fenced']) === 1;
}

function takeOver(statement: Statement, { leader, epochAfter }: HeadMove): string {
  if (leader === undefined) return '';
  return `, epoch = ${statement.value(epochAfter, 'int8')}, leader = ${statement.value(leader, 'text')}`;
}

/** A statement of common table expressions and its parameters. */
class Statement {
  readonly #parts: string[] = [];
  readonly #values: (string | number | Uint8Array)[] = [];

  value(value: string | number | Uint8Array, type: string): string {
    return `$${this.#values.push(value)}::${type}`;
  }

  with(name: string, body: string): void {
    this.#parts.push(`${name} AS (${body})`);
  }

  run(sql: Sql): Promise<Record<string, unknown>[]> {
    const text = `WITH ${this.#parts.join(',\n')} SELECT count(*) AS fenced FROM fence`;
    return sql.unsafe(text, this.#values, { prepare: true });
  }
}

const timestamp = (micros: string) =>
  `(timestamptz 'epoch' + ${micros} * interval '1 microsecond')`;

/** A one-time condition: nothing is inserted unless the head was ours. */
const FENCED = 'WHERE EXISTS (SELECT 1 FROM fence)';

function insertAccounts(statement: Statement, opened: readonly OpenedAccount[], at: string): void {
  const texts = (of: (item: OpenedAccount) => string, type: string) =>
    statement.value(textsLiteral(opened.map(of)), `${type}[]`);
  const numbers = (of: (item: OpenedAccount) => number | bigint | null) =>
    statement.value(numbersLiteral(opened.map(of)), 'int8[]');
  statement.with(
    'opened',
    `INSERT INTO account (id, external_id, asset, min_balance, max_balance, transit, metadata,
                          opened_seq, opened_at)
     SELECT id, external_id, asset, min_balance, max_balance, transit, metadata, opened_seq,
            ${timestamp(at)}
       FROM unnest(${numbers((item) => item.account.id)},
                   ${texts((item) => item.externalId, 'text')},
                   ${texts((item) => item.account.asset, 'text')},
                   ${numbers((item) => item.account.minBalance)},
                   ${numbers((item) => item.account.maxBalance)},
                   ${texts((item) => String(item.account.transit), 'bool')},
                   ${texts((item) => json(item.metadata), 'jsonb')},
                   ${numbers((item) => item.seq)})
         AS t(id, external_id, asset, min_balance, max_balance, transit, metadata, opened_seq)
     ${FENCED}`,
  );
}

function upsertChannels(statement: Statement, channels: readonly Channel[]): void {
  const numbers = (of: (item: Channel) => number, type: string) =>
    statement.value(numbersLiteral(channels.map(of)), `${type}[]`);
  statement.with(
    'channels',
    `INSERT INTO channel (peer_book, sent, settled, applied)
     SELECT peer_book, sent, settled, applied
       FROM unnest(${numbers((item) => item.peerBook, 'int2')},
                   ${numbers((item) => item.sent, 'int8')},
                   ${numbers((item) => item.settled, 'int8')},
                   ${numbers((item) => item.applied, 'int8')})
         AS t(peer_book, sent, settled, applied)
     ${FENCED}
     ON CONFLICT (peer_book) DO UPDATE
       SET sent = excluded.sent, settled = excluded.settled, applied = excluded.applied`,
  );
}

interface Scalars {
  readonly at: string;
  readonly chain: string;
}

function insertRows(statement: Statement, { rows, head }: Append, scalars: Scalars): void {
  const columns = [...requiredColumns(rows), ...optionalColumns(rows)];
  const names = columns.map((column) => column.name).join(', ');
  const arrays = columns.map((column) => statement.value(column.literal, `${column.type}[]`));
  const before = statement.value(head.seqBefore, 'int8');
  const last = statement.value(rows.length, 'int8');
  const epoch = statement.value(head.epochAfter, 'int8');
  statement.with(
    'appended',
    `INSERT INTO journal (seq, epoch, at, chain, ${names})
     SELECT ${before} + ordinal, ${epoch}, ${timestamp(scalars.at)},
            CASE WHEN ordinal = ${last} THEN ${scalars.chain} END, ${names}
       FROM unnest(${arrays.join(', ')}) WITH ORDINALITY AS t(${names}, ordinal)
     ${FENCED}`,
  );
}

interface Column {
  readonly name: string;
  readonly type: string;
  readonly literal: string;
}

/** Written in one pass over the rows: this is where a large batch spends most of its text. */
function requiredColumns(rows: readonly JournalRow[]): Column[] {
  let [ids, kinds, reasons, debits, credits, amounts] = ['', '', '', '', '', ''];
  let [debitVersions, creditVersions] = ['', ''];
  let [debitDebits, debitCredits, creditDebits, creditCredits] = ['', '', '', ''];
  let comma = '';
  for (const { id, kind, reason, debitAccount, creditAccount, amount, entries } of rows) {
    ids += comma + id;
    kinds += comma + kind;
    reasons += comma + reason;
    debits += comma + (debitAccount ?? NULL);
    credits += comma + (creditAccount ?? NULL);
    amounts += comma + (amount ?? NULL);
    debitVersions += comma + (entries?.debitVersion ?? NULL);
    creditVersions += comma + (entries?.creditVersion ?? NULL);
    debitDebits += comma + (entries?.debitDebits ?? NULL);
    debitCredits += comma + (entries?.debitCredits ?? NULL);
    creditDebits += comma + (entries?.creditDebits ?? NULL);
    creditCredits += comma + (entries?.creditCredits ?? NULL);
    comma = ',';
  }
  return [
    column('id', 'uuid', ids),
    column('kind', 'int2', kinds),
    column('reason', 'int2', reasons),
    column('debit_account', 'int8', debits),
    column('credit_account', 'int8', credits),
    column('amount', 'int8', amounts),
    column('debit_version', 'int8', debitVersions),
    column('credit_version', 'int8', creditVersions),
    column('debit_debits', 'int8', debitDebits),
    column('debit_credits', 'int8', debitCredits),
    column('credit_debits', 'int8', creditDebits),
    column('credit_credits', 'int8', creditCredits),
  ];
}

const column = (name: string, type: string, items: string): Column => ({
  name,
  type,
  literal: `{${items}}`,
});

/** As an element of an array literal. */
const NULL = 'NULL';

/** Columns that most batches leave empty altogether: then they are not sent at all. */
function optionalColumns(rows: readonly JournalRow[]): Column[] {
  const columns: Column[] = [];
  const texts = (name: string, type: string, of: (row: JournalRow) => string) => {
    const values = rows.map(of);
    if (values.every((value) => value === '')) return;
    columns.push({ name, type, literal: textsLiteral(values) });
  };
  if (rows.some((row) => row.peer !== null)) {
    const numbers = (
      name: string,
      type: string,
      of: (row: JournalRow) => number | bigint | null | undefined,
    ) => {
      const literal = numbersLiteral(rows.map((row) => of(row) ?? null));
      columns.push({ name, type, literal });
    };
    numbers('peer_account', 'int8', (row) => row.peer?.account);
    numbers('peer_book', 'int2', (row) => row.peer?.book);
    numbers('channel_number', 'int8', (row) => row.peer?.number);
    columns.push({
      name: 'origin_id',
      type: 'uuid',
      literal: idsLiteral(rows.map((row) => row.originId)),
    });
  }
  texts('namespace', 'text', (row) => row.namespace);
  texts('key', 'text', (row) => row.key);
  texts('asset', 'text', (row) => row.asset);
  texts('reference', 'text', (row) => row.reference);
  texts('metadata', 'jsonb', (row) => json(row.metadata));
  if (rows.some((row) => row.code !== 0)) {
    const literal = numbersLiteral(rows.map((row) => (row.code === 0 ? null : row.code)));
    columns.push({ name: 'code', type: 'int4', literal });
  }
  return columns;
}

function json(metadata: Readonly<Record<string, string>>): string {
  for (const _ in metadata) return JSON.stringify(metadata);
  return '';
}
