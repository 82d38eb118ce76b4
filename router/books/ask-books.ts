import { must } from '../../ledger/core/assert.ts';
import { RpcError } from '../../ledger/rpc/error.ts';
import type { Book } from '../../ledger/core/book.ts';
import type { ClientCall } from './client-call.ts';
import type { Forward, ReadLimits } from './forward.ts';

/** A book and what it is asked. */
export interface Question<Response> {
  readonly book: Book;
  readonly call: ClientCall<Response>;
}

/** What the books answered. */
export interface Answers<Response> {
  readonly answered: ReadonlyMap<Book, Response>;
  /** Books without an answer, and why. */
  readonly unanswered: ReadonlyMap<Book, RpcError>;
}

/**
 * Asks several books at once. A region that does not answer must not keep the others' answers
 * back: of several books each has a short time.
 *
 * @throws Error that is no answer to a call, such as an InvariantError: no book is to blame for it
 */
export async function askBooks<Response>(
  forward: Pick<Forward, 'read' | 'tuning'>,
  questions: readonly Question<Response>[],
  { deadline, options }: ReadLimits,
): Promise<Answers<Response>> {
  const soon = Math.min(Number(deadline), Date.now() + forward.tuning.bookSilenceMs);
  const until = questions.length === 1 ? deadline : soon;
  const answered = new Map<Book, Response>();
  const unanswered = new Map<Book, RpcError>();
  const answers = await Promise.allSettled(
    questions.map(({ book, call }) => forward.read(book, { deadline: until, options }, call)),
  );
  for (const [index, { book }] of questions.entries()) {
    const answer = must(answers[index], 'every question is settled');
    if (answer.status === 'fulfilled') {
      answered.set(book, answer.value);
      continue;
    }
    const reason: unknown = answer.reason;
    if (!(reason instanceof RpcError)) throw reason;
    unanswered.set(book, reason);
  }
  return { answered, unanswered };
}
