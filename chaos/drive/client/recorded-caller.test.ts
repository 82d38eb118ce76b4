import {
  type sendUnaryData,
  Server,
  type ServerUnaryCall,
  type ServerWritableStream,
  status,
} from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import { accountId } from '../../../ledger/core/account-id.ts';
import { outcomeUnknown, unavailable } from '../../../ledger/rpc/error.ts';
import {
  type GetAccountsRequest,
  GetAccountsResponse,
} from '../../../proto/gen/meridian/v1/account.ts';
import { Event, type SubscribeRequest } from '../../../proto/gen/meridian/v1/event.ts';
import { LedgerServiceService } from '../../../proto/gen/meridian/v1/ledger.ts';
import {
  type CreateTransferRequest,
  CreateTransferResponse,
  TransferStatus,
} from '../../../proto/gen/meridian/v1/transfer.ts';
import { HistoryBuilder } from '../../judge/history/read-history.ts';
import type { HistoryHeader } from '../../judge/history/record.ts';
import { RecordedClient } from '../../judge/history/recorder.ts';
import type { Copy } from '../installation/installation.ts';
import { AuditorViews } from './auditor-views.ts';
import { RecordedCaller } from './recorded-caller.ts';
import { Routers } from './routers.ts';
import { insecureLinks } from '../../../ledger/rpc/tls/credentials.ts';

/** Calls to a router on a real socket, which answers as their keys specify, and what is recorded. */

const header: HistoryHeader = {
  kind: 'header',
  seed: 1,
  commit: '',
  versions: {},
  options: {},
  startedAt: '',
  books: [],
  namespaces: [],
  exclusive: false,
  judging: {
    clockSkewMs: 0,
    answersWithinMs: 0,
    recoversWithinMs: 0,
    livenessMs: 0,
  },
};

const copy: Copy = {
  book: 1,
  bookName: 'eu-west-1',
  home: 'eu-west',
  region: 'eu-west',
  ledgerAddress: '',
  adminUrl: '',
  ledgerUrl: '',
  // No server listens there.
  auditorUrl: 'postgres://auditor@127.0.0.1:1/none',
  processes: { ledger: '', postgres: '', patroni: undefined },
  postgresFolder: '',
};

async function router(): Promise<{ server: Server; address: string }> {
  const server = new Server();
  server.addService(LedgerServiceService, {
    createTransfer: (
      { request }: ServerUnaryCall<CreateTransferRequest, CreateTransferResponse>,
      callback: sendUnaryData<CreateTransferResponse>,
    ) => {
      const { idempotencyKey: key } = request;
      const { POSTED } = TransferStatus;
      if (key === 'posted') callback(null, CreateTransferResponse.fromPartial({ status: POSTED }));
      if (key === 'unavailable') callback(unavailable('NO_LEADER', 'it has no leader', 100));
      if (key === 'unclear') callback(outcomeUnknown(status.UNKNOWN));
      if (key === 'broken off') server.forceShutdown();
      // Any other key is never answered.
    },
    getAccounts: (
      { request }: ServerUnaryCall<GetAccountsRequest, GetAccountsResponse>,
      callback: sendUnaryData<GetAccountsResponse>,
    ) => {
      if (request.ids.length === 1) return;
      const accounts = request.ids.map((id) => ({ id, version: 3n, debits: 5n }));
      const positions = [2, 1].map((book) => ({ book, epoch: 4n, seq: 9n }));
      callback(null, GetAccountsResponse.fromPartial({ accounts, positions }));
    },
    subscribe: (stream: ServerWritableStream<SubscribeRequest, Event>) => {
      const { after } = stream.request;
      for (const seq of [after + 1n, after + 2n, after + 3n]) {
        stream.write(Event.fromPartial({ position: { book: 1, epoch: 1n, seq } }));
      }
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', insecureLinks.server(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return { server, address: `127.0.0.1:${port}` };
}

/** A caller, and its recorded history. */
async function fixture() {
  const { server, address } = await router();
  const routers = new Routers([{ region: 'eu-west', address }]);
  const views = new AuditorViews([copy]);
  const builder = new HistoryBuilder();
  builder.add(header);
  let processes = 0;
  let index = 0;
  const client = new RecordedClient(
    () => (processes += 1),
    (record) => builder.add({ index: (index += 1), ...record }),
    () => Math.round(performance.now() * 1e6),
    () => {},
  );
  onTestFinished(async () => {
    routers.close();
    server.forceShutdown();
    await views.close();
  });
  const parts = { routers, views, copies: [copy], deadlineMs: 3_000 };
  const caller = new RecordedCaller(parts, client, 'eu-west');
  return { caller, recorded: () => builder.build(false).operations };
}

const pay = (idempotencyKey: string) => ({
  idempotencyKey,
  debitAccountId: accountId(1, 1),
  creditAccountId: accountId(1, 2),
  amount: 1n,
});

test('a write has failed only if the answer states it; an unknown outcome ends the process', async () => {
  const { caller, recorded } = await fixture();
  for (const key of ['posted', 'unavailable', 'unclear', 'silent', 'broken off']) {
    await caller.transfer(pay(key));
  }
  const ends = recorded().transfers.map(({ value, type, process, fault }) => {
    return [value.idempotencyKey, type, process, fault?.code];
  });
  expect(ends).toEqual([
    ['posted', 'ok', 1, undefined],
    ['unavailable', 'fail', 1, 'UNAVAILABLE'],
    ['unclear', 'info', 1, 'UNKNOWN'],
    ['silent', 'info', 2, 'DEADLINE_EXCEEDED'],
    ['broken off', 'info', 3, expect.any(String)],
  ]);
});

test('a write that was never sent has failed', async () => {
  const { caller, recorded } = await fixture();
  await caller.transfer(pay('broken off'));
  // No server listens any more.
  await caller.transfer(pay('posted'));
  expect(recorded().transfers.map(({ type }) => type)).toEqual(['info', 'fail']);
});

test('a read that is not answered has failed', async () => {
  const { caller, recorded } = await fixture();
  const asked = { minPosition: null, books: [1] };
  await caller.balances({ ...asked, level: 'leader', accounts: [String(accountId(1, 1))] });
  await caller.balances({ ...asked, level: 'auditor' });
  expect(recorded().balances.map(({ type, fault }) => [type, fault?.code])).toEqual([
    ['fail', 'DEADLINE_EXCEEDED'],
    ['fail', 'INTERNAL'],
  ]);
});

test('accounts are returned with the position of their book', async () => {
  const { caller, recorded } = await fixture();
  const ids = [accountId(1, 7), accountId(2, 8)];
  const asked = {
    level: 'stale',
    minPosition: null,
    books: [1, 2],
    accounts: ids.map(String),
  } as const;
  await caller.balances(asked);
  const zero = { credits: '0', heldDebits: '0', heldCredits: '0' };
  const bookRead = (book: number, account: bigint | undefined) => ({
    position: { book, epoch: 4, seq: 9 },
    whole: false,
    accounts: [{ account: String(account), version: 3, debits: '5', ...zero }],
  });
  expect(recorded().balances[0]?.value).toEqual(asked);
  expect(recorded().balances[0]?.reply).toEqual([bookRead(2, ids[1]), bookRead(1, ids[0])]);
});

test('a page ends when it is full, or when no more events arrive', async () => {
  const { caller, recorded } = await fixture();
  await caller.page({ book: 1, account: '', after: 4 }, 2);
  await caller.page({ book: 1, account: '', after: 6 }, 10);
  const seqs = recorded().pages.map(({ reply }) => reply?.events.map(({ seq }) => seq));
  expect(seqs).toEqual([
    [5, 6],
    [7, 8, 9],
  ]);
});
