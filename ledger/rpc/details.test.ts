import { Metadata, status } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { attachDetails, badRequest, detailsOf, errorInfo, retryInfo } from './details.ts';
import { behind, behindAt, reasonOf } from './error.ts';

test('what is written is read again', () => {
  const metadata = new Metadata();
  const violations = [{ field: 'amount', description: 'must be positive' }];
  const details = [errorInfo('BEHIND', { seq: '7' }), retryInfo(1_250), badRequest(violations)];
  attachDetails(metadata, { code: status.UNAVAILABLE, message: 'no', details });
  expect(detailsOf({ metadata })).toEqual({
    reason: 'BEHIND',
    facts: { seq: '7' },
    violations,
    retryAfterMs: 1_250,
  });
});

test('details that cannot be read are left out, and end no call', () => {
  const error = behind('eu-west-1', 7n, 9n);
  expect([reasonOf(error), behindAt(error)]).toEqual(['BEHIND', 7n]);
  error.metadata.set('grpc-status-details-bin', Buffer.from([0xff, 0x01, 0x02]));
  expect([reasonOf(error), behindAt(error)]).toEqual(['', undefined]);
});
