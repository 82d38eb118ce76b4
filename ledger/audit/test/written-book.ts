import { RegisterAssetRequest } from '../../../proto/gen/meridian/v1/asset.ts';
import { ChangeAccountRequest } from '../../../proto/gen/meridian/v1/account.ts';
import type { Account } from '../../core/account.ts';
import { must } from '../../core/assert.ts';
import { originalOf } from '../../core/original.ts';
import type { BatchEffects } from '../../core/post/book-state.ts';
import type { Channel } from '../../core/channel.ts';
import { CHAIN_RECIPE, chainAfterBy, type ChainRecipe } from '../../core/chain.ts';
import type { Command, SweepCursor } from '../../core/post/command.ts';
import type { JournalRow, RowKind } from '../../core/journal-row.ts';
import type { Original } from '../../core/original.ts';
import { post } from '../../core/post/post.ts';
import { transferIdOf } from '../../core/transfer-id.ts';
import { append } from '../../store/postgres/append.ts';
import { readHead } from '../../store/postgres/head.ts';
import { appendByRecipeOne } from '../../testing/database/recipe-one.ts';
import type { TestDatabase } from '../../testing/database/database.ts';
import { openRequest, transferRequest } from '../../testing/books/book-requests.ts';

/** What a book has committed at once. */
export type WrittenBatch = Pick<BatchEffects, 'rows' | 'opened' | 'registered' | 'swept'>;

/** What a book has written, as an audit meets it. */
export interface Written {
  readonly number: number;
  readonly name: string;
  readonly batches: readonly WrittenBatch[];
  readonly channels: readonly Channel[];
}

const NAMES = new Map([
  [1, 'book-1'],
  [2, 'book-2'],
]);

/** A book around post(), in memory: every call is a batch. */
export class WritingBook {
  readonly number: number;
  readonly #batches: WrittenBatch[] = [];
  readonly #accounts = new Map<bigint, Account>();
  readonly #transits = new Map<string, bigint>();
  readonly #channels = new Map<number, Channel>();
  readonly #originals = new Map<string, Original>();
  readonly #scales = new Map<string, number>();
  #opened = 0;
  #atMicros = 1_000_000;

  constructor(number: number) {
    this.number = number;
  }

  get #rows(): JournalRow[] {
    return this.#batches.flatMap(({ rows }) => rows);
  }

  open(externalId: string, fields: Parameters<typeof openRequest>[0] = {}): bigint {
    const { opened } = this.post({
      kind: 'open',
      request: openRequest({ externalId, ...fields }),
      regionBooks: [],
    });
    return must(opened[0], 'an account is opened').account.id;
  }

  /** Makes a transfer of any action; its reference is its key. Gives its id. */
  transfer(key: string, fields: Parameters<typeof transferRequest>[0]): string {
    const id = transferIdOf('', key);
    const request = transferRequest({ idempotencyKey: key, reference: key, ...fields });
    this.post({ kind: 'transfer', id, request });
    return id;
  }

  /** Changes an account; why is the key. */
  change(key: string, accountId: bigint, change: ChangeAccountRequest['change']): void {
    const id = transferIdOf('', key);
    const names = { idempotencyKey: key, by: 'ops', why: key };
    const request = ChangeAccountRequest.fromPartial({ ...names, accountId });
    this.post({ kind: 'change', id, request: { ...request, change } });
  }

  register(asset: string, scale: number): void {
    const request = RegisterAssetRequest.fromPartial({ asset, scale, by: 'ops', why: 'new' });
    this.post({ kind: 'asset', request });
  }

  /** Lets time pass. */
  wait(seconds: number): void {
    this.#atMicros += seconds * 1_000_000;
  }

  /** Looks at these holds for their expiry. */
  sweep(...holds: string[]): void {
    const found = holds.map((id) => must(this.#row(id), `there is a hold ${id}`));
    const cursors = found.map(({ details, seq }): SweepCursor => ({
      expiresAtMicros: must(details?.expiresAtMicros, 'the hold expires'),
      seq,
    }));
    const swept = must(cursors.at(-1), 'holds are given in the order of their expiry');
    this.post({ kind: 'expire', holds, swept, seen: { seq: Infinity, atMicros: Infinity } });
  }

  post(...commands: Command[]): BatchEffects {
    this.#atMicros += 1;
    const state = {
      book: this.number,
      // No leader has taken these books over, so their epoch is still zero.
      epoch: 0,
      seq: this.#rows.length,
      accounts: this.#opened,
      bookNames: NAMES,
      regionBooks: [],
      isBeingOpened: () => false,
      account: (id: bigint) => copyOf(this.#accounts.get(id)),
      transitAccountId: (externalId: string) => this.#transits.get(externalId),
      channel: (peerBook: number) => this.#channels.get(peerBook),
      original: (id: string) => this.#original(id),
      scaleOf: (asset: string) => this.#scales.get(asset),
    };
    const posted = post(state, commands, this.#atMicros);
    for (const account of posted.accounts.values()) this.#accounts.set(account.id, account);
    for (const channel of posted.channels.values()) this.#channels.set(channel.peerBook, channel);
    for (const original of posted.originals.values()) this.#originals.set(original.id, original);
    for (const { asset, scale } of posted.registered) this.#scales.set(asset, scale);
    for (const { account, externalId } of posted.opened) {
      if (account.transit) this.#transits.set(externalId, account.id);
    }
    this.#opened += posted.opened.length;
    this.#batches.push(posted);
    return posted;
  }

  written(): Written {
    const name = must(NAMES.get(this.number), 'the book has a name');
    const channels = [...this.#channels.values()];
    return { number: this.number, name, batches: this.#batches, channels };
  }

  #original(id: string): Original | undefined {
    const row = this.#row(id);
    return this.#originals.get(id) ?? (row && originalOf(row));
  }

  #row(id: string): JournalRow | undefined {
    return this.#rows.find((row) => row.id === id);
  }
}

/** The same book with one row made different, and everything after it hashed again. */
export function forged(book: Written, seq: number, change: Partial<JournalRow>): Written {
  const batches = book.batches.map((batch) => ({
    ...batch,
    rows: batch.rows.map((row) => (row.seq === seq ? { ...row, ...change } : row)),
  }));
  return { ...book, batches };
}

/** The row that a test means, by its reference; the first one unless its kind is given. */
export function rowOf({ batches }: Written, reference: string, kind?: RowKind): JournalRow {
  const found = batches
    .flatMap(({ rows }) => rows)
    .find((row) => row.reference === reference && (kind === undefined || row.kind === kind));
  return must(found, `there is a row ${reference}`);
}

/**
 * Writes a book into an empty database, batch by batch, as the ledger does, or as releases before
 * it did.
 *
 * @param recipeOf by which recipe the batch of an index is hashed
 */
export async function writeBook(
  database: TestDatabase,
  book: Written,
  recipeOf: (index: number) => ChainRecipe = () => CHAIN_RECIPE,
): Promise<void> {
  const { number, name } = book;
  let head = await readHead(database.ledger, { number, name, region: name });
  for (const [index, batch] of book.batches.entries()) {
    const { rows, opened, registered, swept } = batch;
    if (rows.length === 0 && swept === null) continue;
    const seqAfter = head.seq + rows.length;
    const recipe = recipeOf(index);
    const chain = rows.length === 0 ? head.chain : chainAfterBy(recipe, head.chain, rows);
    const atMicros = rows[0]?.atMicros ?? head.atMicros;
    const accounts = head.accounts + opened.length;
    await (recipe === 1 ? appendByRecipeOne : append)(database.ledger, {
      head: {
        epochBefore: head.epoch,
        epochAfter: head.epoch,
        seqBefore: head.seq,
        seqAfter,
        chainAfter: chain,
        atMicros,
        accountsAfter: accounts,
      },
      rows,
      opened,
      channels: index === book.batches.length - 1 ? book.channels : [],
      registered,
      swept,
      regionBooks: null,
    });
    head = { ...head, seq: seqAfter, chain, atMicros, accounts };
  }
}

const copyOf = (account: Account | undefined) => account && { ...account };
