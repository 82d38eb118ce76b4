import { expect, test } from 'vitest';

import { CreateTransferRequest, Transfer } from '../../../proto/gen/meridian/v1/transfer.ts';
import { protoJson } from './proto-json.ts';

const decidedAt = { seconds: 1_700_000_000n, nanos: 123_456_000 };
const time = '2023-11-14T22:13:20.123456Z';

test('times keep their microseconds, within lists too', () => {
  const message = Transfer.create({ decidedAt, legs: [{ transferId: 'leg', decidedAt }] });
  expect(protoJson(Transfer, message)).toMatchObject({
    decidedAt: time,
    legs: [{ transferId: 'leg', decidedAt: time }],
  });
});

test('zeros and false values are included, unset fields are not', () => {
  const message = CreateTransferRequest.create({
    idempotencyKey: 'key',
    amount: 9_007_199_254_740_993n,
    metadata: { seconds: '1' },
    action: { $case: 'hold', value: { timeoutSeconds: 60 } },
  });
  expect(protoJson(CreateTransferRequest, message)).toEqual({
    idempotencyKey: 'key',
    debitAccountId: '0',
    creditAccountId: '0',
    amount: '9007199254740993',
    metadata: { seconds: '1' },
    hold: { timeoutSeconds: 60 },
    dryRun: false,
    allowZero: false,
  });
});
