import postgres from 'postgres';
import { CHAIN_RECIPE } from '../../core/chain.ts';
import type { OpenedAccount, RegisteredAsset } from '../../core/post/book-state.ts';
import type { Channel } from '../../core/channel.ts';
import type { RegionBooks } from '../../core/placement.ts';
import type { SweepCursor } from '../../core/post/command.ts';
import { encodeRows } from '../../core/row-bytes.ts';
import type { Append, HeadMove } from '../append-batch.ts';
import { bytesLiteral, numbersLiteral, textsLiteral } from './array-literal.ts';
import type { Queries, Sql } from './connect.ts';
import { unlessInDoubt } from './commit-in-doubt.ts';
import { type CopyStatement, copyStatements } from './copy-rows.ts';
import { json, rowColumns } from './row-columns.ts';

/**
 * Rows from which on a batch is copied. Measured: a single row takes Postgres 0.27 ms in one
 * statement and 0.31 ms copied, four take it the same, 4,000 take it 43 and 37 ms. Rows of the
 * plain lane are always copied, for they exist as bytes alone.
 */
export const COPIED_ROWS = 4;

/**
 * Appends a batch in one transaction and one round trip: compare and set the head, and only if
 * that succeeded insert the rows, the opened accounts and the channels. READ COMMITTED is enough:
 * the head's row lock orders writers, and the comparison is made again after waiting for it.
 *
 * A small batch is one statement, which inserts nothing if the head has moved. The rows of a large
 * one follow the statement as COPY, without a wait for its result; so it fails if the head has
 * moved, and the database skips what follows a failure, the commit included.
 *
 * @returns false if the head has moved: another leader owns the book, nothing was written
 * @throws PostgresError 23505 if a transfer's id is in the same partition of the journal already
 * @throws CommitInDoubt if it was committed, but perhaps on this node alone
 */
export function append(sql: Sql, batch: Append): Promise<boolean> {
  return unlessInDoubt(sql, () => appendWithin(sql, batch));
}

/**
 * The same within a transaction, whose commit is what can be in doubt. A transaction in which the
 * rows of a moved head were copied fails as a whole.
 */
export async function appendWithin(sql: Queries, batch: Append): Promise<boolean> {
  const statement = new Statement();
  const { head } = batch;
  const at = statement.value(head.atMicros, 'int8');
  const chain = statement.value(head.chainAfter, 'bytea');
  statement.with(
    'fence',
    `UPDATE head SET seq = ${statement.value(head.seqAfter, 'int8')}, chain = ${chain},
            at = ${timestamp(at)}, accounts = ${statement.value(head.accountsAfter, 'int8')}
            ${takeOver(statement, head)} ${sweep(statement, batch.swept)}
            ${place(statement, batch.regionBooks)}
      WHERE epoch = ${statement.value(head.epochBefore, 'int8')}
        AND seq = ${statement.value(head.seqBefore, 'int8')}
        ${head.leader === undefined ? '' : `AND NOT fenced AND at < ${timestamp(at)}`}
        ${samePlace(statement, head)}
      RETURNING book`,
  );
  if (batch.opened.length > 0) insertAccounts(statement, batch.opened, at);
  if (batch.registered.length > 0) insertAssets(statement, batch.registered, at);
  if (batch.channels.length > 0) upsertChannels(statement, batch.channels);
  const count = batch.rows.length + (batch.plain?.count ?? 0);
  if (count >= COPIED_ROWS || count > batch.rows.length) return appendCopied(sql, statement, batch);
  if (batch.rows.length > 0) insertRows(statement, batch, { at, chain });
  const result = await statement.run(sql);
  return Number(result[0]?.['fenced']) === 1;
}

/** Code of the error that `refuse_moved_head` raises. */
const HEAD_MOVED = 'MH001';

/** Appends the rows as they were hashed, behind a statement that changes all else. */
async function appendCopied(sql: Queries, statement: Statement, batch: Append): Promise<boolean> {
  const { plain = null, rowBytes = encodeRows(batch.rows), head } = batch;
  try {
    await statement.runBefore(sql, copyStatements(plain, rowBytes, head.chainAfter));
    return true;
  } catch (error) {
    if (error instanceof postgres.PostgresError && error.code === HEAD_MOVED) return false;
    throw error;
  }
}

function takeOver(statement: Statement, { leader, epochAfter }: HeadMove): string {
  if (leader === undefined) return '';
  return `, epoch = ${statement.value(epochAfter, 'int8')}, leader = ${statement.value(leader, 'text')}`;
}

function sweep(statement: Statement, swept: SweepCursor | null): string {
  if (swept === null) return '';
  const { expiresAtMicros, seq } = swept;
  const at = timestamp(statement.value(expiresAtMicros, 'int8'));
  return `, swept_at = ${at}, swept_seq = ${statement.value(seq, 'int8')}`;
}

function place(statement: Statement, regionBooks: RegionBooks | null): string {
  if (regionBooks === null) return '';
  return `, region_books = ${statement.value(numbersLiteral(regionBooks), 'int2[]')}`;
}

function samePlace(statement: Statement, { regionBooksBefore }: HeadMove): string {
  if (regionBooksBefore === undefined) return '';
  return `AND region_books = ${statement.value(numbersLiteral(regionBooksBefore), 'int2[]')}`;
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

  run(sql: Queries): Promise<Record<string, unknown>[]> {
    const text = `WITH ${this.#parts.join(',\n')} SELECT count(*) AS fenced FROM fence`;
    return sql.unsafe(text, this.#values, { prepare: true });
  }

  /** Fails with HEAD_MOVED, and all of it with that, if the head has moved. */
  async runBefore(sql: Queries, copy: readonly CopyStatement[]): Promise<void> {
    const text = `WITH ${this.#parts.join(',\n')}
      SELECT CASE WHEN count(*) = 1 THEN 1 ELSE refuse_moved_head() END AS fenced FROM fence`;
    await sql.unsafe(text, this.#values, { prepare: true, copy });
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

function insertAssets(
  statement: Statement,
  registered: readonly RegisteredAsset[],
  at: string,
): void {
  const numbers = (of: (item: RegisteredAsset) => number, type: string) =>
    statement.value(numbersLiteral(registered.map(of)), `${type}[]`);
  const assets = textsLiteral(registered.map(({ asset }) => asset));
  statement.with(
    'registered',
    `INSERT INTO asset (asset, scale, registered_seq, registered_at)
     SELECT asset, scale, registered_seq, ${timestamp(at)}
       FROM unnest(${statement.value(assets, 'text[]')},
                   ${numbers((item) => item.scale, 'int2')},
                   ${numbers((item) => item.seq, 'int8')})
         AS t(asset, scale, registered_seq)
     ${FENCED}`,
  );
}

function upsertChannels(statement: Statement, channels: readonly Channel[]): void {
  const numbers = (of: (item: Channel) => number | null, type: string) =>
    statement.value(numbersLiteral(channels.map(of)), `${type}[]`);
  const hashes = (of: (item: Channel) => string) =>
    statement.value(bytesLiteral(channels.map(of)), 'bytea[]');
  const whys = textsLiteral(channels.map(({ diverged }) => diverged?.why ?? ''));
  statement.with(
    'channels',
    `INSERT INTO channel (${CHANNEL_COLUMNS.join(', ')})
     SELECT ${CHANNEL_COLUMNS.join(', ')}
       FROM unnest(${numbers((item) => item.peerBook, 'int2')},
                   ${numbers((item) => item.sent, 'int8')},
                   ${numbers((item) => item.settled, 'int8')},
                   ${numbers((item) => item.applied, 'int8')},
                   ${numbers((item) => item.settledHash.through, 'int8')},
                   ${hashes((item) => item.settledHash.value)},
                   ${numbers((item) => item.appliedHash.through, 'int8')},
                   ${hashes((item) => item.appliedHash.value)},
                   ${numbers((item) => item.diverged?.book ?? null, 'int2')},
                   ${numbers((item) => item.diverged?.number ?? null, 'int8')},
                   ${statement.value(whys, 'text[]')})
         AS t(${CHANNEL_COLUMNS.join(', ')})
     ${FENCED}
     ON CONFLICT (peer_book) DO UPDATE
       SET ${CHANNEL_COLUMNS.slice(1)
         .map((name) => `${name} = excluded.${name}`)
         .join(', ')}`,
  );
}

const CHANNEL_COLUMNS = [
  'peer_book',
  'sent',
  'settled',
  'applied',
  'settled_hashed',
  'settled_hash',
  'applied_hashed',
  'applied_hash',
  'diverged_book',
  'diverged_number',
  'diverged_why',
] as const;

interface Scalars {
  readonly at: string;
  readonly chain: string;
}

function insertRows(statement: Statement, { rows, head }: Append, scalars: Scalars): void {
  const columns = rowColumns(rows);
  const names = columns.map((column) => column.name).join(', ');
  const arrays = columns.map((column) => statement.value(column.literal, `${column.type}[]`));
  const before = statement.value(head.seqBefore, 'int8');
  const last = statement.value(rows.length, 'int8');
  const epoch = statement.value(head.epochAfter, 'int8');
  statement.with(
    'appended',
    `INSERT INTO journal (seq, epoch, at, chain, chain_recipe, ${names})
     SELECT ${before} + ordinal, ${epoch}, ${timestamp(scalars.at)},
            CASE WHEN ordinal = ${last} THEN ${scalars.chain} END,
            CASE WHEN ordinal = ${last} THEN ${CHAIN_RECIPE}::int2 END, ${names}
       FROM unnest(${arrays.join(', ')}) WITH ORDINALITY AS t(${names}, ordinal)
     ${FENCED}`,
  );
}
