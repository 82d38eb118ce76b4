import { expect, test } from 'vitest';
import {
  CreateTransferRequest,
  CreateTransferResponse,
  TransferStatus,
} from '../../proto/gen/meridian/v1/transfer.ts';
import { describeOutcome } from './outcome.ts';

const request = CreateTransferRequest.fromPartial({ amount: 5n, asset: 'EUR' });
const answer = (fields: Partial<CreateTransferResponse>) =>
  CreateTransferResponse.fromPartial({
    transferId: 'id',
    status: TransferStatus.POSTED,
    position: { book: 1, epoch: 2n, seq: 3n },
    ...fields,
  });

test.each([
  ['new', {}, 'posted 5 (0.05 EUR)\ntransfer id at 1/2/3'],
  ['known', { replayed: true }, ', as answered before\n'],
  [
    'known, or made by this very call',
    { replayed: true, resent: true },
    ', as answered before or by this call\n',
  ],
  ['a dry run', { dryRun: true }, 'dry run, nothing is written: posted 5 (0.05 EUR)\ntransfer id'],
  [
    'a dry run of a known key',
    { dryRun: true, replayed: true },
    'dry run, nothing is written: posted 5 (0.05 EUR), as answered before\n',
  ],
  [
    'a dry run that is rejected',
    { dryRun: true, status: TransferStatus.REJECTED },
    'dry run, nothing is written: rejected',
  ],
] as const)('an outcome: %s', (_, fields, expected) => {
  const text = describeOutcome(request, answer(fields), { asset: 'EUR', scale: 2 });
  expect(text).toContain(expected);
  expect(text.includes('1/2/3')).toBe(!('dryRun' in fields));
});
