import { expect, test } from 'vitest';
import { transferIdOf } from '../../../ledger/core/transfer-id.ts';
import {
  type GetTransferRequest,
  GetTransferResponse,
} from '../../../proto/gen/meridian/v1/transfer.ts';
import { askByName } from './find-transfer.ts';

const V7 = '0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b';
const V8 = '0193a1b2-c3d4-8e5f-8a6b-7c8d9e0f1a2b';

/** Look-ups of a book that has decided these keys, in no namespace. */
function bookOf(...keys: string[]) {
  const ids = new Set(keys.map((key) => transferIdOf('', key)));
  return {
    getTransfer: ({ by, namespace }: GetTransferRequest) => {
      const value = by?.value ?? '';
      const id = by?.$case === 'transferId' ? value : transferIdOf(namespace, value);
      const transfer = ids.has(id) ? { transferId: id } : undefined;
      return Promise.resolve(GetTransferResponse.fromPartial({ found: ids.has(id), transfer }));
    },
  };
}

test.each(['invoice-17', V7, V7.toUpperCase(), V8, V8.toUpperCase()])(
  'a transfer is found by its key %s, and by its id in every case',
  async (key) => {
    const id = transferIdOf('', key);
    for (const name of [key, id, id.toUpperCase()]) {
      const { transfer } = await askByName(bookOf(key), name, '', 0n);
      expect(transfer?.transferId).toBe(id);
    }
  },
);

test('a UUID that is the id of one transfer and the key of another is refused', async () => {
  const id = transferIdOf('', 'invoice-17');
  await expect(askByName(bookOf('invoice-17', id), id, '', 0n)).rejects.toThrow(
    `"${id}" is the id of one transfer and the key of another, whose id is ${transferIdOf('', id)}`,
  );
});

test('a transfer that no book has decided is not found', async () => {
  for (const name of ['invoice-17', V7, V8]) {
    expect((await askByName(bookOf('other'), name, '', 0n)).found).toBe(false);
  }
});
