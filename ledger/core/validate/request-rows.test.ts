import { expect, test } from 'vitest';
import { Leg } from '../../../proto/gen/meridian/v1/movement.ts';
import { transferRequest } from '../../testing/books/book-requests.ts';
import { rowsOf, rowsOfAll } from './request-rows.ts';

const group = (legs: number) =>
  transferRequest({
    action: {
      $case: 'group',
      value: { legs: Array.from({ length: legs }, () => Leg.fromPartial({})) },
    },
  });

test('a group leads to a row of its own and one for each leg, anything else to one', () => {
  const hold = transferRequest({ action: { $case: 'hold', value: { timeoutSeconds: 0 } } });
  expect(rowsOf(transferRequest())).toBe(1);
  expect(rowsOf(hold)).toBe(1);
  expect(rowsOf(group(3))).toBe(4);
  expect(rowsOfAll([transferRequest(), group(3), hold])).toBe(6);
  expect(rowsOfAll([])).toBe(0);
});
