import { expect, test } from 'vitest';
import { must } from '../core/assert.ts';
import { PlainColumns } from '../core/plain/plain-columns.ts';
import type { CreateTransferRequest } from '../../proto/gen/meridian/v1/transfer.ts';
import { ledgerTuning } from '../ledger-tuning.ts';
import { transferRequest } from '../testing/books/book-requests.ts';
import type { KeyReads } from '../store/book-store.ts';
import { StoreError } from '../store/store-error.ts';
import { KnownOutcomes } from './known-outcomes.ts';

/** Ids that were made long ago. */
const idOf = (n: number) => `0093a1b2-c3d4-7e5f-8a6b-${n.toString(16).padStart(12, '0')}`;
const requestOf = (n: number, fields: Partial<CreateTransferRequest> = {}) =>
  transferRequest({ idempotencyKey: idOf(n), amount: 2n ** 62n - BigInt(n), ...fields });

/** Outcomes whose journal and Redis note what they are asked, and know nothing. */
function outcomes({ mayHave }: { readonly mayHave?: (id: string) => boolean } = {}) {
  const asked = { journal: [] as string[], redis: [] as string[] };
  const reads: KeyReads = {
    readTransfers: (ids) => {
      asked.journal.push(...ids);
      return Promise.resolve(new Map());
    },
    readChanges: () => Promise.resolve(new Map()),
    readExistingIds: () => Promise.resolve(new Set()),
  };
  const keys = {
    known: (ids: readonly string[]) => {
      asked.redis.push(...ids);
      return Promise.resolve(new Set<string>());
    },
    knownPlaces: () => Promise.resolve([]),
    add: () => undefined,
    addWords: () => undefined,
  };
  const filters = mayHave && { mayHave, absenceOf: () => undefined };
  return { known: new KnownOutcomes(reads, 1, keys, ledgerTuning, filters), asked };
}

const DECIDED = { reason: 0, epoch: 3, seq: 7, atMicros: 1_000_000, away: false } as const;

/** The answer to a transfer of which neither Redis nor the journal is said to have the key. */
async function answerTo(known: KnownOutcomes, request: CreateTransferRequest) {
  const [answer] = await known.find([{ id: request.idempotencyKey, request }], new Set());
  return answer;
}

test('redis is asked about the keys alone that the journal may have', async () => {
  const { known, asked } = outcomes({ mayHave: (id) => id === idOf(2) });
  expect(await known.hints([idOf(1), idOf(2), idOf(3)])).toEqual(new Set());
  expect(asked.redis).toEqual([idOf(2)]);
  expect(await known.hints([idOf(1)])).toEqual(new Set());
  expect(asked.redis).toHaveLength(1);
});

test('without the ids of the journal redis is asked about all', async () => {
  const { known, asked } = outcomes();
  await known.hints([idOf(1), idOf(2)]);
  expect(asked.redis).toEqual([idOf(1), idOf(2)]);
});

const lost = () => Promise.reject(new StoreError('lost', 'the connection is gone'));

test('hints of plain transfers are never rejected, for nothing may ever wait for them', async () => {
  const reads: KeyReads = { readTransfers: lost, readChanges: lost, readExistingIds: lost };
  const columns = new PlainColumns(1);
  columns.count = 1;
  const absence = { seq: 1, doubtful: [0] };
  const filters = { mayHave: () => true, absenceOf: () => absence };
  const known = new KnownOutcomes(reads, 1, undefined, ledgerTuning, filters);
  expect(await known.plainHints(columns).hints).toBeUndefined();
});

test.for([
  ['a plain one', {}],
  ['one that asks more than the plain lane knows', { reference: 'rent', code: 7 }],
  ['one to another book that was refused here', { creditAccountId: (2n << 48n) | 9n }],
] as const)('a transfer that is repeated is answered from memory: %s', async ([, fields]) => {
  const { known, asked } = outcomes();
  const request = requestOf(1, fields);
  const reason = 'creditAccountId' in fields ? 3 : 0;
  known.rememberDecided(idOf(1), request, { ...DECIDED, reason });
  const answer = await answerTo(known, request);
  const { response } = must(answer, 'it is answered');
  expect(response).toMatchObject({ transferId: idOf(1), reason, replayed: true });
  expect(response.position).toEqual({ book: 1, epoch: 3n, seq: 7n });
  expect(asked.journal).toEqual([]);
  // Another transfer of this key is for the journal to compare.
  await answerTo(known, { ...request, amount: 5n });
  expect(asked.journal).toEqual([idOf(1)]);
});

test.for([
  ['a hold', { action: { $case: 'hold', value: { timeoutSeconds: 5 } } }, false],
  ['what is on its way', { creditAccountId: (2n << 48n) | 9n }, true],
] as const)('the journal is asked about %s', async ([, fields, away]) => {
  const { known, asked } = outcomes();
  const request = requestOf(1, { ...fields });
  known.rememberDecided(idOf(1), request, { ...DECIDED, away });
  expect(await answerTo(known, request)).toBeUndefined();
  expect(asked.journal).toEqual([idOf(1)]);
});

test('an id that the ledger has derived is remembered as well', async () => {
  const { known, asked } = outcomes();
  const id = '0093a1b2-c3d4-8e5f-8a6b-000000000001';
  const request = requestOf(1, { action: { $case: 'hold', value: { timeoutSeconds: 5 } } });
  known.rememberDecided(id, request, DECIDED);
  await known.find([{ id, request }], new Set());
  expect(asked.journal).toEqual([id]);
});
