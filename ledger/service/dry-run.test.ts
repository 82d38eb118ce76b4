import { expect, test } from 'vitest';
import { CreateTransferResponse } from '../../proto/gen/meridian/v1/transfer.ts';
import { asDry } from './dry-run.ts';

test('the answer to a dry run is marked as one on the wire, and so are the legs of a group', () => {
  const answer = CreateTransferResponse.fromPartial({ group: { legs: [{}, {}] } });
  const bytes = CreateTransferResponse.encode(asDry(answer)).finish();
  const { dryRun, group } = CreateTransferResponse.decode(bytes);
  expect([dryRun, ...(group?.legs.map((leg) => leg.dryRun) ?? [])]).toEqual([true, true, true]);
});
