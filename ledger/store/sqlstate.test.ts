import postgres from 'postgres';
import { expect, test } from 'vitest';
import { isKnownId, isRolledBack } from './sqlstate.ts';

/** An error as the driver makes it of what the database said. */
function said(code: string): Error {
  const error = new postgres.PostgresError('said by the database');
  return Object.assign(error, { code });
}

test.each(['23505', '23514', '40001', '40P01', '22003', '42501', '53100'])(
  'after %s nothing was applied',
  (code) => {
    expect(isRolledBack(said(code))).toBe(true);
    expect(isKnownId(said(code))).toBe(code === '23505');
  },
);

test.each(['57P01', '57P02', '57P03', '57014'])(
  'after %s nobody knows what was applied',
  (code) => {
    expect(isRolledBack(said(code))).toBe(false);
  },
);

test.each(['CONNECTION_CLOSED', 'CONNECTION_ENDED', 'ECONNRESET', '23505'])(
  'an error of the driver with code %s says nothing of the database',
  (code) => {
    const error = Object.assign(new Error('lost'), { code });
    expect([isRolledBack(error), isKnownId(error)]).toEqual([false, false]);
  },
);
