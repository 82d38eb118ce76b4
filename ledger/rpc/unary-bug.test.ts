import { EventEmitter } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { InvariantError } from '../core/assert.ts';
import { unhandledErrors } from '../testing/unhandled-errors.ts';
import { RpcError } from './error.ts';
import { unary } from './unary.ts';

/** The answer to a call whose handler fails, and what was logged meanwhile. */
async function failWith(failure: Error) {
  const logged: string[] = [];
  const log = { info: () => {}, warn: (text: string) => void logged.push(text) };
  const call = Object.assign(new EventEmitter(), {
    request: 'request',
    cancelled: false,
    getDeadline: () => Infinity,
    getPath: () => '/test',
  });
  const answer = await new Promise<unknown>((resolve) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a call on a socket has more
    unary(log as never, () => Promise.reject(failure))(call as never, resolve);
  });
  await turn();
  await turn();
  return { answer, logged };
}

test('a broken invariant is answered with INTERNAL and ends the process', async () => {
  const unhandled = unhandledErrors();
  const bug = new InvariantError('the books do not balance');
  const { answer } = await failWith(bug);
  expect(answer).toMatchObject({ code: status.INTERNAL });
  expect(String(answer)).not.toContain('balance');
  expect(unhandled).toEqual([bug]);
});

test('any other error is logged and answered, and ends nothing', async () => {
  const unhandled = unhandledErrors();
  const { answer, logged } = await failWith(new Error('no luck'));
  expect(answer).toMatchObject({ code: status.INTERNAL });
  expect(logged).toEqual(['a call failed']);
  expect(unhandled).toEqual([]);
});

test('an answer that is an error is passed on', async () => {
  const unhandled = unhandledErrors();
  const failure = new RpcError(status.NOT_FOUND, 'none');
  expect(await failWith(failure)).toEqual({ answer: failure, logged: [] });
  expect(unhandled).toEqual([]);
});
