import { expect, test } from 'vitest';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import { PRECEDENCE } from './precedence.ts';

test('the model answers reasons in the order in which the proto declares them', () => {
  const declared = Object.values(Reason).filter((reason) => reason > 0);
  expect(PRECEDENCE).toEqual(declared);
});
