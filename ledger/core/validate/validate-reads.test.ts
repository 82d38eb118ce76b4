import { expect, test } from 'vitest';
import { GetAccountRequest } from '../../../proto/gen/meridian/v1/account.ts';
import { GetStatementRequest } from '../../../proto/gen/meridian/v1/query.ts';
import { GetTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import { accountId } from '../account-id.ts';
import type { FieldViolation } from './validate.ts';
import {
  LOOK_UPS_MAX,
  validateGetAccount,
  validateGetAccounts,
  validateGetTransfer,
  validateGetTransfers,
  validateListEntries,
  validateStatement,
} from './validate-reads.ts';

const ALICE = accountId(1, 1);
const UUID = '0192f0c1-2345-7abc-8def-0123456789ab';
const at = (seconds: bigint) => ({ seconds, nanos: 0 });
const fields = (violations: FieldViolation[]) => violations.map(({ field }) => field);

const byId = (value: string, rest: Partial<GetTransferRequest> = {}) =>
  GetTransferRequest.fromPartial({ by: { $case: 'transferId', value }, ...rest });
const byKey = (value: string, rest: Partial<GetTransferRequest> = {}) =>
  GetTransferRequest.fromPartial({ by: { $case: 'idempotencyKey', value }, ...rest });

const wrongInAccount = (request: Partial<GetAccountRequest>) =>
  fields(validateGetAccount(GetAccountRequest.fromPartial({ id: ALICE, ...request })));

test('an account is asked for by its id, now or as of then', () => {
  expect(wrongInAccount({})).toEqual([]);
  expect(wrongInAccount({ asOf: { $case: 'asOfSeq', value: 0n } })).toEqual([]);
  expect(wrongInAccount({ asOf: { $case: 'asOfTime', value: at(2n ** 37n) } })).toEqual([]);
  expect(wrongInAccount({ id: 5n })).toEqual(['id']);
  expect(wrongInAccount({ asOf: { $case: 'asOfSeq', value: -1n } })).toEqual(['as_of_seq']);
  expect(wrongInAccount({ asOf: { $case: 'asOfTime', value: at(2n ** 40n) } })).toEqual([
    'as_of_time',
  ]);
});

const wrongInAccounts = (ids: bigint[]) => fields(validateGetAccounts({ ids, options: undefined }));

test('the first invalid id of many accounts is named', () => {
  expect(wrongInAccounts([ALICE, accountId(2, 7)])).toEqual([]);
  expect(wrongInAccounts([])).toEqual(['ids']);
  expect(wrongInAccounts(Array.from({ length: 8001 }, () => ALICE))).toEqual(['ids']);
  expect(wrongInAccounts([ALICE, 5n, 6n])).toEqual(['ids[1]']);
});

const wrongInTransfer = (request: GetTransferRequest) => fields(validateGetTransfer(request));

test('a transfer is asked for by its id or its key', () => {
  expect(wrongInTransfer(byId(UUID))).toEqual([]);
  expect(wrongInTransfer(byKey('any key', { namespace: 'shop', debitAccountId: ALICE }))).toEqual(
    [],
  );
  expect(wrongInTransfer(byId(UUID.toUpperCase()))).toEqual(['transfer_id']);
  expect(wrongInTransfer(byId(''))).toEqual(['transfer_id']);
  expect(wrongInTransfer(byKey(''))).toEqual(['idempotency_key']);
  expect(wrongInTransfer(byKey('k'.repeat(129)))).toEqual(['idempotency_key']);
  expect(wrongInTransfer(GetTransferRequest.fromPartial({}))).toEqual(['idempotency_key']);
  expect(wrongInTransfer(byKey('key', { namespace: 'n'.repeat(65) }))).toEqual(['namespace']);
  expect(wrongInTransfer(byKey('key', { debitAccountId: 5n }))).toEqual(['debit_account_id']);
});

const wrongInTransfers = (transfers: GetTransferRequest[]) =>
  fields(validateGetTransfers({ transfers, options: undefined }));

test('of many transfers each is looked at', () => {
  const most = Array.from({ length: LOOK_UPS_MAX }, () => byId(UUID));
  expect(wrongInTransfers(most)).toEqual([]);
  expect(wrongInTransfers([...most, byId(UUID)])).toEqual(['transfers']);
  expect(wrongInTransfers([])).toEqual(['transfers']);
  expect(wrongInTransfers([byId(UUID), byId('x'), byKey('')])).toEqual([
    'transfers[1].transfer_id',
    'transfers[2].idempotency_key',
  ]);
});

const wrongInStatement = (request: Partial<GetStatementRequest>) =>
  fields(validateStatement(GetStatementRequest.fromPartial({ accountId: ALICE, ...request })));

test('a statement does not end before it begins', () => {
  expect(wrongInStatement({})).toEqual([]);
  expect(wrongInStatement({ from: at(5n), to: at(5n) })).toEqual([]);
  expect(wrongInStatement({ from: at(6n), to: at(5n) })).toEqual(['to']);
  expect(wrongInStatement({ accountId: 0n })).toEqual(['account_id']);
  expect(wrongInStatement({ from: at(-(2n ** 40n)) })).toEqual(['from']);
});

test('entries are those of an account', () => {
  const request = { pageSize: 0, pageToken: '', newestFirst: false, options: undefined };
  expect(validateListEntries({ ...request, accountId: ALICE })).toEqual([]);
  expect(fields(validateListEntries({ ...request, accountId: -1n }))).toEqual(['account_id']);
});
