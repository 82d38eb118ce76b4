import { expect, test } from 'vitest';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import { PRECEDENCE } from './precedence.ts';

test('the model answers reasons in the order in which the proto declares them', () => {
  // No request is judged to that: a repair returns what never arrived.
  const unjudged: Reason = Reason.CHANNEL_DIVERGED;
  const declared = Object.values(Reason).filter((reason) => reason > 0 && reason !== unjudged);
  expect(PRECEDENCE).toEqual(declared);
});
