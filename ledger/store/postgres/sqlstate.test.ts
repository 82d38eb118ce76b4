import { readFileSync } from 'node:fs';
import postgres from 'postgres';
import { expect, test } from 'vitest';
import { InvariantError } from '../../core/assert.ts';
import { CommitInDoubt } from '../store-error.ts';
import { isDatabaseError, isKnownId, isRolledBack } from './sqlstate.ts';

/** An error as the driver raises it when the database reports one. */
function databaseError(code: string): Error {
  const error = new postgres.PostgresError('raised by the database');
  return Object.assign(error, { code });
}

test.each(['23505', '23514', '40001', '40P01', '22003', '42501', '53100'])(
  'after %s nothing was applied',
  (code) => {
    expect(isRolledBack(databaseError(code))).toBe(true);
    expect(isKnownId(databaseError(code))).toBe(code === '23505');
  },
);

test.each(['57P01', '57P02', '57P03', '57014'])(
  'after %s it is unknown what was applied',
  (code) => {
    expect(isRolledBack(databaseError(code))).toBe(false);
  },
);

test.each(['CONNECTION_CLOSED', 'CONNECTION_ENDED', 'ECONNRESET', '23505'])(
  'an error of the driver with code %s is not one of the database',
  (code) => {
    const error = Object.assign(new Error('lost'), { code });
    expect([isRolledBack(error), isKnownId(error)]).toEqual([false, false]);
  },
);

/** An error of Node with its code, as the modules of Node make it. */
function coded<T extends Error>(error: T, code: string, syscall?: string): T {
  return Object.assign(error, { code, ...(syscall !== undefined && { syscall }) });
}

test.each([
  databaseError('23505'),
  new CommitInDoubt('the wait was cut short'),
  coded(new Error('lost'), 'CONNECTION_CLOSED'),
  coded(new Error('closed'), 'CONNECTION_ENDED'),
  coded(new Error('gone'), 'CONNECTION_DESTROYED'),
  coded(new Error('slow'), 'CONNECT_TIMEOUT'),
  coded(new Error('refused'), 'ECONNREFUSED', 'connect'),
  coded(new Error('reset'), 'ECONNRESET', 'read'),
  coded(new Error('ended by the other party'), 'EPIPE'),
  coded(new Error('no such host'), 'ENOTFOUND', 'getaddrinfo'),
  coded(new Error('no such socket'), 'ENOENT', 'connect'),
  new AggregateError([coded(new Error('refused'), 'ECONNREFUSED', 'connect')]),
])('%o is an error of the database or of the connection to it', (error) => {
  expect(isDatabaseError(error)).toBe(true);
});

test.each([
  () => Buffer.alloc(-1),
  () => Buffer.alloc(8).writeInt32BE(2 ** 40),
  () => readFileSync('/nowhere'),
  () => readFileSync('/'),
  () => new URL('no url'),
])('what %o throws is a bug of ours, although it has a code', (bug) => {
  let thrown: unknown;
  try {
    bug();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toHaveProperty('code');
  expect(isDatabaseError(thrown)).toBe(false);
});

test.each([
  new Error('no code'),
  new InvariantError('broken'),
  coded(new InvariantError('broken'), 'BROKEN'),
  // The driver's own, for a statement that we have written wrongly.
  coded(new Error('undefined values are not allowed'), 'UNDEFINED_VALUE'),
  coded(new Error('query not called as a tagged template literal'), 'NOT_TAGGED_CALL'),
  coded(new Error('too many parameters'), 'MAX_PARAMETERS_EXCEEDED'),
  coded(new TypeError('invalid'), 'ECONNRESET'),
  new AggregateError([]),
  new AggregateError([coded(new Error('reset'), 'ECONNRESET'), new Error('no code')]),
  'a text',
  undefined,
])('%o is a bug of ours', (error) => {
  expect(isDatabaseError(error)).toBe(false);
});
