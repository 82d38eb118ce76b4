import { expect, test } from 'vitest';
import type { Account } from '../core/account.ts';
import { accountId } from '../core/account-id.ts';
import { RowKind } from '../core/journal-row.ts';
import { EMPTY_ROW } from '../core/post/batch.ts';
import { UnclosedLegs } from './unclosed-legs.ts';

const AWAY = accountId(2, 1);

test('legs with much metadata are let go before they fill the memory', () => {
  const legs = new UnclosedLegs();
  const metadata = { note: 'x'.repeat(15_000) };
  const accounts = new Map<bigint, Account>();
  for (let number = 1; number <= 1_000; number += 1) {
    const peer = { book: 2, account: AWAY, number };
    const row = {
      ...EMPTY_ROW,
      seq: number,
      epoch: 1,
      atMicros: 1,
      id: String(number),
      metadata,
      peer,
    };
    legs.add({ rows: [{ ...row, kind: RowKind.transfer, amount: 1n }], accounts });
  }
  expect(legs.after(2, 0, 1)).toBeUndefined();
  const first = Array.from({ length: 1_000 }, (_, after) => legs.after(2, after, 1_000)).find(
    Boolean,
  );
  expect(first?.at(-1)?.number).toBe(1_000);
  expect(first?.length).toBeLessThan(300);
});
