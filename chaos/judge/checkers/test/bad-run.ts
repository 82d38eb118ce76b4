import { must } from '../../../../ledger/core/assert.ts';
import { type JournalRow, RowKind } from '../../../../ledger/core/journal-row.ts';
import type { CopyRead } from '../../history/copy-reads.ts';
import type { Operation, TransferReply } from '../../history/operation.ts';
import { judgeRun } from '../all.ts';
import { gatherEvidence } from '../evidence.ts';
import { type GoodRun, goodRun } from './good-run.ts';
import type { RowChange } from './story-book.ts';

/**
 * Each test takes the run in which nothing went wrong, changes one thing, and expects exactly the
 * named checkers to fail. Several are named where one fault breaks several promises: a journal that
 * lost a row, for instance, has also used its seq twice.
 */

export interface Bad {
  /** Changes to the final journal of a book, in all of its copies. */
  readonly rows?: { readonly book: number; readonly change: RowChange };
  /** Changes to the copies after they are read. */
  readonly copies?: (copy: CopyRead) => CopyRead;
  /** Changes to the history. */
  readonly history?: (run: GoodRun) => void;
}

export function failing({ rows, copies, history }: Bad): string[] {
  const run = goodRun();
  history?.(run);
  const finals = run.story.finals(rows ?? null);
  const read = copies ? finals.copies.map(copies) : finals.copies;
  const verdicts = judgeRun(gatherEvidence(run.story.history(), { ...finals, copies: read }));
  return [...verdicts].filter(([, { state }]) => state === 'fail').map(([name]) => name);
}

export const good = goodRun();

/** The row of a key in book 1; of the second leg in another book by the key that it refers to. */
export function rowOf(key: string, book = 1): JournalRow {
  const { rows } = good.story.book(book);
  return must(
    rows.find((row) => row.key === key),
    `there is a row ${key}`,
  );
}

export function secondOf(key: string): JournalRow {
  const { id } = rowOf(key);
  const { rows } = good.story.book(2);
  return must(
    rows.find((row) => row.originId === id && row.kind === RowKind.settlement),
    `${key} has arrived`,
  );
}

export const at =
  (seq: number, change: (row: JournalRow) => JournalRow | null): RowChange =>
  (row) =>
    row.seq === seq ? change(row) : row;

export const forged = (key: string, different: Partial<JournalRow>) => ({
  book: 1,
  change: at(rowOf(key).seq, (row) => ({ ...row, ...different })),
});

/** Changes the answers to a key. */
export const answers =
  (key: string, change: (answer: TransferReply) => Partial<TransferReply>) =>
  ({ story }: GoodRun): void => {
    for (const operation of story.operations.transfers) {
      const { reply, value } = operation;
      if (value.idempotencyKey !== key || reply === null) continue;
      Object.assign(operation, { reply: { ...reply, ...change(reply) } });
    }
  };

export const callOf = ({ story }: GoodRun, key: string) =>
  must(
    story.operations.transfers.find(({ value }) => value.idempotencyKey === key),
    `${key} was asked`,
  );

/** Changes a reply of another kind of operation. */
export function alterReply<Reply>(
  operation: Operation<unknown, Reply> | undefined,
  change: (reply: Reply) => unknown,
): void {
  const found = must(operation, 'there is such an operation');
  Object.assign(found, { reply: change(must(found.reply ?? undefined, 'it was answered')) });
}

export const entriesOf = (key: string) => must(rowOf(key).entries, 'it has entries');

/** Fields of a row that moved nothing. */
export const NOTHING = {
  id: '00000000-0000-8000-8000-000000000000',
  key: '',
  namespace: '',
  debitAccount: null,
  creditAccount: null,
  amount: null,
  entries: null,
};

export const replayOf = ({ operations }: GoodRun['story']) =>
  must(
    operations.transfers.find(({ reply }) => reply?.replayed === true),
    'there is a replay',
  );

export function isTransit(account: string): boolean {
  const { accounts } = good.story.book(Number(BigInt(account) >> 48n));
  return accounts.some(({ id, transit }) => transit && String(id) === account);
}

export const less = (text: string, amount: bigint) => String(BigInt(text) - amount);

export function drop(
  operations: { readonly value: { readonly idempotencyKey: string } }[],
  key: string,
) {
  const index = operations.findIndex(({ value }) => value.idempotencyKey === key);
  operations.splice(index, 1);
}

export type ReadState = {
  readonly account: string;
  readonly debits: string;
  readonly credits: string;
};

export function staleRead(change: (state: ReadState, index: number) => ReadState) {
  return ({ story }: GoodRun): void =>
    alterReply(
      story.operations.balances.find(({ value }) => value.level === 'stale'),
      (reads) => reads.map((read) => ({ ...read, accounts: read.accounts.map(change) })),
    );
}

export function overdrawnRead({ story, alice }: GoodRun): void {
  alterReply(
    story.operations.balances.find(({ value }) => value.level === 'leader'),
    (reads) =>
      reads.map((read) => ({
        ...read,
        accounts: read.accounts.map((state) =>
          state.account === String(alice) ? { ...state, debits: '1000000' } : state,
        ),
      })),
  );
}
