import { expect, test } from 'vitest';
import { CreateTransferResponse } from '../../proto/gen/meridian/v1/transfer.ts';
import { asDry } from './dry-run.ts';

test('the answer to a dry run says so on the wire, and so do the legs of a group', () => {
  const answer = CreateTransferResponse.fromPartial({ group: { legs: [{}, {}] } });
  const bytes = CreateTransferResponse.encode(asDry(answer)).finish();
  const { dryRun, group } = CreateTransferResponse.decode(bytes);
  expect([dryRun, ...(group?.legs.map((leg) => leg.dryRun) ?? [])]).toEqual([true, true, true]);
});
