import { expect, test } from 'vitest';
import { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import { withCanonicalIds } from './canonical-ids.ts';
import { accountId } from '../account-id.ts';
import { validateTransfer } from './validate-transfer.ts';

const ID = '0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b';

const actions = (id: string) =>
  [
    { $case: 'capture', value: { holdId: id, final: true } },
    { $case: 'release', value: { holdId: id } },
    { $case: 'reversal', value: { transferId: id } },
  ] as const;

const single = (id: string) =>
  actions(id).map((action) =>
    CreateTransferRequest.fromPartial({
      idempotencyKey: ID.toUpperCase(),
      debitAccountId: accountId(1, 1),
      creditAccountId: action.$case === 'reversal' ? accountId(1, 2) : 0n,
      action,
    }),
  );

const group = (id: string) =>
  CreateTransferRequest.fromPartial({
    idempotencyKey: 'Group',
    action: { $case: 'group', value: { legs: actions(id).map((action) => ({ action })) } },
  });

test('an id that a request refers to is the same in every case, in groups too', () => {
  for (const [index, request] of single(ID.toUpperCase()).entries()) {
    const canonical = withCanonicalIds(request);
    expect(canonical).toEqual(single(ID)[index]);
    expect(validateTransfer(canonical)).toEqual([]);
  }
  expect(withCanonicalIds(group(ID.toUpperCase()))).toEqual(group(ID));
});

test('what refers to nothing is not copied', () => {
  const plain = CreateTransferRequest.fromPartial({ idempotencyKey: ID.toUpperCase() });
  expect(withCanonicalIds(plain)).toBe(plain);
});
