import { status } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { BadRequest } from '../../proto/gen/google/rpc/error_details.ts';
import { Status } from '../../proto/gen/google/rpc/status.ts';
import { must } from '../core/assert.ts';
import { invalidArgument } from './error.ts';

test('an error with any number of violations fits the trailer that clients accept', () => {
  const violations = Array.from({ length: 100 }, (_, index) => ({
    field: `transfers[${index}].idempotency_key`,
    description: 'must have 1 to 128 characters, none of them NUL or U+FFFD',
  }));
  const error = invalidArgument(violations);
  expect(error.code).toBe(status.INVALID_ARGUMENT);
  expect(error.message).toContain('transfers[0].idempotency_key');
  expect(error.message).toContain('99 more');
  const [trailer] = error.metadata.get('grpc-status-details-bin');
  if (!Buffer.isBuffer(trailer)) throw new TypeError('the trailer is binary');
  expect(trailer.length).toBeLessThan(6_000);
  const detail = must(Status.decode(trailer).details[0], 'there is a detail');
  const fields = BadRequest.decode(detail.value).fieldViolations.map(({ field }) => field);
  expect(fields.length).toBeGreaterThan(10);
  expect(fields).toEqual(violations.slice(0, fields.length).map(({ field }) => field));
});
