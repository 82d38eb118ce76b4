import { expect, test } from 'vitest';
import { printedBy } from '../testing/garbage/bytes-outliving.ts';

test('little of a call outlives it, at the server and at the client', async () => {
  // Without the patch 18,700: all that the two made for the call.
  expect(await printedBy('of-calls.ts')).toBeLessThan(10_000);
});
