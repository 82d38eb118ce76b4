import { status } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import { accountId } from '../ledger/core/account-id.ts';
import { channelDiverged, overloaded, reasonOf, RpcError, tooLate } from '../ledger/rpc/error.ts';
import { Leaders } from '../ledger/rpc/leaders.ts';
import { ChangeAccountRequest, OpenAccountRequest } from '../proto/gen/meridian/v1/account.ts';
import { RegisterAssetRequest } from '../proto/gen/meridian/v1/asset.ts';
import { CreateTransferRequest } from '../proto/gen/meridian/v1/transfer.ts';
import { Accounts } from './accounts.ts';
import { Books } from './books/books.ts';
import { Changes } from './changes.ts';
import { ForwardedDryRuns } from './transfers/forwarded-dry-runs.ts';
import { Forward } from './books/forward.ts';
import { StandInServer } from './testing/stand-in-server.ts';
import { insecureLinks } from '../ledger/rpc/tls/credentials.ts';

/** What callers of openings, changes and registrations see while a book changes its leader. */

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
  const accounts = new Accounts(books, forward);
  const changes = new Changes(books, forward);
  onTestFinished(() => {
    leaders.close();
    for (const server of servers) server.stop();
  });
  const leads = (epoch: number) =>
    expect.poll(() => leaders.leaderOf(1)?.epoch, { timeout: 5_000, interval: 5 }).toBe(epoch);
  const calls = {
    open: (dryRun: boolean, timeoutMs: number) =>
      accounts.openOne(
        OpenAccountRequest.fromPartial({
          externalId: 'alice',
          homeRegion: 'eu-west',
          asset: 'EUR',
          dryRun,
        }),
        Date.now() + timeoutMs,
      ),
    change: (dryRun: boolean, timeoutMs: number) =>
      changes.change(
        ChangeAccountRequest.fromPartial({
          idempotencyKey: 'key',
          accountId: accountId(1, 1),
          by: 'jane',
          why: 'a test',
          change: { $case: 'close', value: {} },
          dryRun,
        }),
        Date.now() + timeoutMs,
      ),
    register: (dryRun: boolean, timeoutMs: number) =>
      changes.registerAsset(
        RegisterAssetRequest.fromPartial({ asset: 'X', by: 'jane', why: 'a test', dryRun }),
        Date.now() + timeoutMs,
      ),
  };
  const dryTransfer = async (timeoutMs: number) => {
    const request = CreateTransferRequest.fromPartial({ debitAccountId: accountId(1, 1) });
    return new ForwardedDryRuns(books, forward).create([request], Date.now() + timeoutMs);
  };
  return { old, next, leads, calls, dryTransfer };
}

const NAMES = ['open', 'change', 'register'] as const;
type Call = (dryRun: boolean, timeoutMs: number) => Promise<unknown>;

/** The answer to a call that the first leader takes and its successor knows already. */
async function acrossLeaders(name: (typeof NAMES)[number], dryRun: boolean) {
  const { old, next, leads, calls } = await fixture();
  const call: Call = calls[name];
  old.lead(1);
  await leads(1);
  old.replays = true;
  next.replays = true;
  const once = await call(dryRun, 10_000);
  old.changes = false;
  const answer = call(dryRun, 10_000);
  await expect.poll(() => old.changed, { timeout: 5_000 }).toBe(2);
  next.lead(2);
  const across = await answer;
  expect(next.changed).toBe(1);
  return { once, across };
}

test.each(NAMES)('%s: a replay that may be of the router itself is marked', async (name) => {
  const { once, across } = await acrossLeaders(name, false);
  expect(once).toMatchObject({ replayed: true });
  expect(once).not.toHaveProperty('resent', true);
  expect(across).toMatchObject({ replayed: true, resent: true });
});

test.each(NAMES)('%s: a dry run leaves nothing to find, and is never marked', async (name) => {
  const { across } = await acrossLeaders(name, true);
  expect(across).toMatchObject({ replayed: true, dryRun: true });
  expect(across).not.toHaveProperty('resent', true);
});

test.each([
  ['a full queue', overloaded('full', 100)],
  ['too little time', tooLate('too late')],
  ['a channel that has diverged', channelDiverged('halted', 'a>b')],
])('%s does not show that a lost attempt was not applied', async (_, refusal) => {
  const { old, next, leads, calls } = await fixture();
  old.changes = false;
  old.lead(1);
  await leads(1);
  next.changeFails = refusal;
  const call = failureOf(calls.change(false, 10_000));
  await expect.poll(() => old.changed, { timeout: 5_000 }).toBe(1);
  next.lead(2);
  expect(await call).toMatchObject({ code: status.UNKNOWN, outcomeUnknown: true });
  // At once, it does.
  expect(await failureOf(calls.change(false, 10_000))).toMatchObject({ code: refusal.code });
});

async function failureOf(call: Promise<unknown>): Promise<RpcError> {
  const failure = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (failure instanceof RpcError) return failure;
  throw new Error('it did not fail with an RpcError', { cause: failure });
}

test.each(NAMES)('%s: only what is no dry run can have an unknown outcome', async (name) => {
  const { old, leads, calls } = await fixture();
  old.changes = false;
  old.lead(1);
  await leads(1);
  const call: Call = calls[name];
  const unknown = await failureOf(call(false, 500));
  expect(unknown).toMatchObject({ code: status.DEADLINE_EXCEEDED, outcomeUnknown: true });
  const dry = await failureOf(call(true, 500));
  expect(dry).toMatchObject({ code: status.UNAVAILABLE, outcomeUnknown: false });
  expect(reasonOf(dry)).toBe('NO_ANSWER');
});

test('a dry run of a transfer has no outcome that could be unknown', async () => {
  const { old, leads, dryTransfer } = await fixture();
  old.lead(1);
  await leads(1);
  const dry = await failureOf(dryTransfer(500));
  expect(dry).toMatchObject({ code: status.UNAVAILABLE, outcomeUnknown: false });
  expect(reasonOf(dry)).toBe('NO_ANSWER');
});
