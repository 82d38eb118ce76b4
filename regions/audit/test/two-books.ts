import type { SettleLeg } from '../../../proto/gen/meridian/internal/v1/book.ts';
import { Reason } from '../../../proto/gen/meridian/v1/ledger.ts';
import { must } from '../../../ledger/core/assert.ts';
import { chainAfter } from '../../../ledger/core/chain.ts';
import type { JournalRow } from '../../../ledger/core/journal-row.ts';
import type { Channel, OpenedAccount } from '../../../ledger/core/post.ts';
import { transferIdOf } from '../../../ledger/core/transfer-id.ts';
import { append } from '../../../ledger/store/append.ts';
import { readHead } from '../../../ledger/store/head.ts';
import type { TestDatabase } from '../../../ledger/test/database.ts';
import { type SimBook, simBooks } from '../../../ledger/test/installation.ts';
import { openRequest, transferRequest } from '../../../ledger/test/requests.ts';

/** What a book has written, as an audit meets it. */
export interface Written {
  readonly number: number;
  readonly name: string;
  readonly batches: readonly (readonly JournalRow[])[];
  readonly opened: readonly OpenedAccount[];
  readonly channels: readonly Channel[];
}

/**
 * Two books with one of everything: transfers posted and refused within a book, and between them
 * one leg delivered, one refused and returned, and one (30 EUR) still in flight.
 */
export function twoBooks(): readonly [Written, Written] {
  const [near, far] = simBooks(2);
  if (!near || !far) throw new Error('two books were asked for');
  const bank = open(near, 'bank', {});
  const alice = open(near, 'alice', { min: { $case: 'minBalance', value: 0n } });
  const bob = open(far, 'bob', { min: { $case: 'minBalance', value: 0n } });
  const capped = open(far, 'capped', { max: { $case: 'maxBalance', value: 100n } });
  const pay = (key: string, debit: bigint, credit: bigint, amount: bigint): SettleLeg => {
    const id = transferIdOf('', key);
    const fields = { debitAccountId: debit, creditAccountId: credit, amount, reference: key };
    near.transfer(id, transferRequest({ idempotencyKey: key, ...fields }));
    return { transferId: id, asset: 'EUR', code: 0, metadata: {}, ...fields };
  };
  pay('funding', bank, alice, 500n);
  pay('overdraft', alice, bank, 600n);
  near.flush();
  const legs = [pay('delivered', alice, bob, 70n), pay('refused', bank, capped, 500n)];
  pay('in flight', bank, bob, 30n);
  near.flush();
  far.add({ kind: 'settle', originBook: near.number, firstNumber: 1, legs });
  far.flush();
  const reason = Reason.MAX_BALANCE_EXCEEDED;
  const refused = legs.slice(1).map((leg) => ({ number: 2, reason, leg }));
  near.add({ kind: 'close', peerBook: far.number, through: 2, refused });
  near.flush();
  return [writtenBy(near), writtenBy(far)];
}

function open(
  book: SimBook,
  externalId: string,
  limits: Parameters<typeof openRequest>[0],
): bigint {
  const pending = book.open(openRequest({ externalId, ...limits }));
  book.flush();
  return must(pending.outcome, 'an account is opened').account.id;
}

function writtenBy(book: SimBook): Written {
  return {
    number: book.number,
    name: book.name,
    // No leader has taken these books over, so their epoch is still zero.
    batches: book.batches.map(({ rows }) => rows.map((row) => ({ ...row, epoch: 0 }))),
    opened: book.batches.flatMap(({ opened }) => opened),
    channels: [...book.channels.values()],
  };
}

/** The same book with one row made different, and everything after it hashed anew. */
export function forged(book: Written, seq: number, change: Partial<JournalRow>): Written {
  const batches = book.batches.map((rows) =>
    rows.map((row) => (row.seq === seq ? { ...row, ...change } : row)),
  );
  return { ...book, batches };
}

/** The row that a test means, by its reference. */
export function rowOf({ batches }: Written, reference: string): JournalRow {
  const found = batches.flat().find((row) => row.reference === reference);
  return must(found, `there is a row ${reference}`);
}

/** Writes a book into an empty database, batch by batch, as the ledger does. */
export async function writeBook(database: TestDatabase, book: Written): Promise<void> {
  const { number, name } = book;
  let head = await readHead(database.ledger, { number, name, region: name });
  for (const [index, rows] of book.batches.entries()) {
    const seqs = new Set(rows.map(({ seq }) => seq));
    const opened = book.opened.filter(({ seq }) => seqs.has(seq));
    const seqAfter = head.seq + rows.length;
    const chain = chainAfter(head.chain, rows);
    const atMicros = rows[0]?.atMicros ?? head.atMicros;
    const accounts = head.accounts + opened.length;
    await append(database.ledger, {
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
    });
    head = { ...head, seq: seqAfter, chain, atMicros, accounts };
  }
}
