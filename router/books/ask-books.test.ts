import { type ClientUnaryCall, Metadata, status } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { InvariantError } from '../../ledger/core/assert.ts';
import { RpcError } from '../../ledger/rpc/error.ts';
import type { BookServiceClient } from '../../proto/gen/meridian/internal/v1/book.ts';
import { routerTuning } from '../router-tuning.ts';
import { askBooks, type Question } from './ask-books.ts';
import type { Book } from '../../ledger/core/book.ts';
import { Books } from './books.ts';
import type { ClientCall } from './client-call.ts';
import type { ReadLimits } from './forward.ts';

const books = new Books([
  { number: 1, name: 'eu-west-1', region: 'eu-west' },
  { number: 2, name: 'us-east-1', region: 'us-east' },
]).all;
const questions = books.map((book): Question<string> => {
  return {
    book,
    call: (_client, _metadata, _options, callback) => {
      callback(null, 'here');
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- nothing cancels it
      return {} as ClientUnaryCall;
    },
  };
});
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- nothing is asked through it
const client = {} as BookServiceClient;

/** The first book answers, the second fails. */
const reader = (failure: Error) => ({
  tuning: routerTuning,
  read: async <Response>(book: Book, _limits: ReadLimits, call: ClientCall<Response>) => {
    if (book.number !== 1) throw failure;
    const { promise, resolve } = Promise.withResolvers<Response>();
    call(client, new Metadata(), { deadline: 0 }, (_error, response) => resolve(response));
    return promise;
  },
});

const limits = { deadline: Date.now() + 1_000 };

test('a book whose call fails is listed as unanswered, and delays no answer of another', async () => {
  const failure = new RpcError(status.UNAVAILABLE, 'away');
  const { answered, unanswered } = await askBooks(reader(failure), questions, limits);
  expect([...answered.values()]).toEqual(['here']);
  expect([...unanswered.values()]).toEqual([failure]);
});

test.each([new InvariantError('never'), new TypeError('ours')])(
  'a bug of the router is no silence: %s',
  async (bug) => {
    await expect(askBooks(reader(bug), questions, limits)).rejects.toBe(bug);
  },
);
