import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import { accountId } from '../../ledger/core/account-id.ts';
import { must } from '../../ledger/core/assert.ts';
import { reasonOf, RpcError } from '../../ledger/rpc/error.ts';
import { Leaders } from '../../ledger/rpc/leaders.ts';
import { GetAccountRequest } from '../../proto/gen/meridian/v1/account.ts';
import {
  CreateTransferRequest,
  CreateTransfersRequest,
  CreateTransfersResponse,
  TransferStatus,
} from '../../proto/gen/meridian/v1/transfer.ts';
import { Books } from '../books/books.ts';
import { Forward } from '../books/forward.ts';
import { Reads } from '../reads/reads.ts';
import { StandInServer } from '../testing/stand-in-server.ts';
import { scanTransfers } from './bytes/scan-transfers.ts';
import { Transfers } from './transfers.ts';
import { insecureLinks } from '../../ledger/rpc/tls/credentials.ts';

/** What callers of transfers see while a book changes its leader. */

const nothing = () => undefined;
const quiet = { debug: nothing, info: nothing, warn: nothing, error: nothing };

async function fixture() {
  const servers = await Promise.all(
    ['eu-west', 'us-east'].map((region) => new StandInServer(region).start()),
  );
  const [old, next] = servers;
  if (old === undefined || next === undefined) throw new Error('there are two');
  const leaders = new Leaders(
    servers.map(({ address }) => address),
    insecureLinks,
  );
  const books = new Books([{ number: 1, name: 'eu-west-1', region: 'eu-west' }]);
  const forward = new Forward(leaders);
  const transfers = new Transfers(books, leaders, forward, quiet);
  onTestFinished(() => {
    transfers.close();
    leaders.close();
    for (const server of servers) server.stop();
  });
  const leads = (epoch: number) =>
    expect.poll(() => leaders.leaderOf(1)?.epoch, { interval: 5 }).toBe(epoch);
  const send = async (keys: readonly string[], timeoutMs: number) => {
    const call = CreateTransfersRequest.encode({ transfers: keys.map(request) }).finish();
    const items = must(scanTransfers(call), 'they are plain');
    const answer = await transfers.create(items, Date.now() + timeoutMs, call.length);
    return CreateTransfersResponse.decode(answer).results;
  };
  const reads = new Reads(books, forward);
  const account = GetAccountRequest.fromPartial({ id: accountId(1, 1) });
  const read = (timeoutMs: number) => reads.account(account, Date.now() + timeoutMs);
  return { old, next, leads, read, send };
}

const request = (idempotencyKey: string) =>
  CreateTransferRequest.fromPartial({
    idempotencyKey,
    debitAccountId: accountId(1, 1),
    creditAccountId: accountId(1, 2),
    amount: 1n,
  });

/** Keys as a full call has them. */
const many = (name: string) => Array.from({ length: 8_000 }, (_, index) => `${name} ${index}`);

async function failureOf(call: Promise<unknown>): Promise<RpcError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof RpcError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

test('transfers sent to a silent leader go to its successor as soon as that is known', async () => {
  const { old, next, leads, send } = await fixture();
  old.posts = false;
  old.lead(1);
  await leads(1);
  const keys = ['a', 'b', 'c'];
  const outcome = send(keys, 10_000);
  await expect.poll(() => old.posted).toEqual(keys);
  const began = performance.now();
  next.lead(2);
  const results = await outcome;
  expect(performance.now() - began).toBeLessThan(5_000);
  expect(results.map(({ status: posted }) => posted)).toEqual(
    keys.map(() => TransferStatus.POSTED),
  );
  expect(next.posted).toEqual(keys);
  // The former leader reports that it leads, and gets nothing any more.
  await send(['d'], 10_000);
  expect(next.posted).toEqual([...keys, 'd']);
  expect(old.posted).toEqual(keys);
});

test("a replay that may be the router's own repetition is marked as one", async () => {
  const { old, next, leads, send } = await fixture();
  old.lead(1);
  await leads(1);
  old.replays = true;
  const [known] = await send(['known'], 10_000);
  expect(known).toMatchObject({ replayed: true });
  expect(known?.resent).toBeUndefined();
  old.posts = false;
  const outcome = send(['once'], 10_000);
  await expect.poll(() => old.posted).toEqual(['known', 'once']);
  next.replays = true;
  next.lead(2);
  const [once] = await outcome;
  expect(once).toMatchObject({ replayed: true, resent: true });
  const [later] = await send(['later'], 10_000);
  expect(later?.resent).toBeUndefined();
});

test('a transfer that was new and in transit before the leader was lost is no replay', async () => {
  const { old, next, leads, send } = await fixture();
  old.outcome = TransferStatus.IN_TRANSIT;
  old.lead(1);
  await leads(1);
  const outcome = send(['far'], 10_000);
  await expect.poll(() => old.posted).toEqual(['far']);
  await sleep(100);
  next.replays = true;
  next.lead(2);
  expect((await outcome)[0]).toMatchObject({
    status: TransferStatus.POSTED,
    replayed: false,
    resent: true,
  });
});

test('past its deadline a caller learns whether its transfer may have been applied', async () => {
  const { old, leads, send } = await fixture();
  const unsent = await failureOf(send(['unsent'], 400));
  expect(unsent).toMatchObject({ code: status.UNAVAILABLE, outcomeUnknown: false });
  expect(reasonOf(unsent)).toBe('NO_LEADER');
  old.posts = false;
  old.lead(1);
  await leads(1);
  const failed = failureOf(send(['sent'], 400));
  await expect.poll(() => old.posted).toEqual(['sent']);
  const unknown = await failed;
  expect(unknown).toMatchObject({ code: status.DEADLINE_EXCEEDED, outcomeUnknown: true });
  expect(reasonOf(unknown)).toBe('OUTCOME_UNKNOWN');
  expect(unknown.message).toContain('repeat the request with the same key');
});

test('a full queue is a refusal, unless an earlier attempt may have been applied', async () => {
  const { old, next, leads, send } = await fixture();
  old.isFull = true;
  old.lead(1);
  await leads(1);
  const refused = await failureOf(send(['refused'], 10_000));
  expect(refused).toMatchObject({ code: status.RESOURCE_EXHAUSTED, outcomeUnknown: false });
  old.posts = false;
  const sent = send(['sent'], 10_000);
  await expect.poll(() => old.posted).toEqual(['refused', 'sent']);
  next.isFull = true;
  next.lead(2);
  const unknown = await failureOf(sent);
  expect(next.posted).toEqual(['sent']);
  expect(unknown).toMatchObject({ code: status.UNKNOWN, outcomeUnknown: true });
  expect(reasonOf(unknown)).toBe('OUTCOME_UNKNOWN');
});

test('cancelled reads do not disturb postings to the same server', async () => {
  const { old, leads, read, send } = await fixture();
  old.posts = false;
  old.lead(1);
  await leads(1);
  send(['sent'], 20_000).catch(() => undefined);
  await expect.poll(() => old.posted).toEqual(['sent']);
  // The stand-in closes a connection after 1,000 streams that are reset, as Node does on its own.
  for (let round = 0; round < 30; round += 1) {
    await Promise.allSettled(Array.from({ length: 100 }, () => read(20 + (round % 20))));
  }
  expect(old.reads).toBeGreaterThan(2_000);
  old.posts = true;
  await send(['next'], 10_000);
  // What was on its way has not been lost, and so was not sent again.
  expect(old.posted).toEqual(['sent', 'next']);
});

test('without a leader transfers wait; those of callers that have gone take no room', async () => {
  const { next, leads, send } = await fixture();
  const calls = Array.from({ length: 12 }, (_, call) => failureOf(send(many(`${call}`), 6_000)));
  const refused = await failureOf(send(many('too many'), 10_000));
  expect(refused).toMatchObject({ code: status.RESOURCE_EXHAUSTED, outcomeUnknown: false });
  for (const failure of await Promise.all(calls)) expect(reasonOf(failure)).toBe('NO_LEADER');
  await sleep(1_500);
  const waiting = send(many('late'), 30_000);
  await sleep(100);
  next.lead(1);
  await leads(1);
  expect(await waiting).toHaveLength(8_000);
  // Nothing was sent for which no caller waited any more.
  expect(next.posted).toEqual(many('late'));
});
