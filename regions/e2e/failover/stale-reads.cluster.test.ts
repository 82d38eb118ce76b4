import { openToAll } from '../../testing/open-to-all.ts';
import { afterEach, expect, test } from 'vitest';
import { must } from '../../../ledger/core/assert.ts';
import {
  GetAccountRequest,
  type GetAccountResponse,
  type GetAccountsResponse,
} from '../../../proto/gen/meridian/v1/account.ts';
import { type Position, ReadLevel, ReadOptions } from '../../../proto/gen/meridian/v1/position.ts';
import { RouterServer } from '../../../router/router-server.ts';
import { parseConfig } from '../../config/load-config.ts';
import { processSettings } from '../../config/process-settings.ts';
import { probeAnswers, probeHealth } from '../../processes/probes.ts';
import { Api, ApiError } from '../../testing/api-client.ts';
import { EmbeddedTestBooks } from '../../testing/test-books.ts';
import { endChild, startLedger } from '../../testing/more-processes.ts';
import { joinServer } from '../../links/known-links.ts';

/** STALE reads from the standby of a book, while its leader is frozen, replaced and dead. */

const HOME = 'eu-west';
const NEAR = 'us-east';
/** A former leader takes its book over again only after five seconds: it is read from before. */
const CONFIG = 'settings: { ledger: { probesFailed: 10 } }';
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanUp.splice(0).toReversed()) await clean();
});

test('a region reads from a nearby replica, regardless of the leader', async () => {
  const { settings } = parseConfig(CONFIG, undefined, {});
  const books = await EmbeddedTestBooks.start(undefined, { settings: processSettings(settings) });
  cleanUp.push(() => books.stop());
  const { layout, regions, processes } = books.cluster;
  const home = must(
    layout.regions.find(({ name }) => name === HOME),
    'it is laid out',
  );
  const state = must(
    regions.find(({ name }) => name === HOME),
    'it runs',
  );
  const first = state.ledgerAddress;
  const second = `127.0.0.1:${layout.basePort + 39}`;
  const ledgers = [...home.ledgers, second];
  const child = startLedger(state, second, { region: NEAR, ledgers, books: home.allBooks });
  cleanUp.push(() => endChild(child));
  await expect.poll(() => probeAnswers(second)).toBe(true);

  const listen = `127.0.0.1:${layout.basePort + 38}`;
  const { links: security } = joinServer(ledgers[0], listen, { kind: 'router', region: NEAR });
  const router = new RouterServer(
    {
      listen,
      security,
      access: openToAll,
      region: NEAR,
      ledgers,
      books: home.allBooks.map(toBook),
    },
    quiet,
  );
  await router.start();
  cleanUp.push(() => router.stop());
  const api = new Api(listen);
  cleanUp.push(() => api.close());

  const alice = await api.account('alice');
  const bob = await api.account('bob');
  const away = await api.account('away', { homeRegion: NEAR });
  const pay = (key: string) =>
    api.transfer({
      idempotencyKey: key,
      debitAccountId: bob,
      creditAccountId: alice,
      amount: 5n,
    });
  const stale = { level: ReadLevel.STALE };
  const account = (options: Partial<ReadOptions>, timeoutMs?: number) => {
    const fields = { id: alice, options: ReadOptions.fromPartial(options) };
    const request = GetAccountRequest.fromPartial(fields);
    return api.call<GetAccountResponse>(
      (stub, ...rest) => stub.getAccount(request, ...rest),
      timeoutMs,
    );
  };
  /**
   * The balance of Alice by `count` nearby reads. Some are quick: a router that asks the leader first
   * waits 400 ms for it each time.
   */
  const expectNearby = async (credits: bigint, minPosition: Position, count: number) => {
    const tookMs: number[] = [];
    for (let read = 0; read < count; read += 1) {
      const began = performance.now();
      const answer = await account({ ...stale, minPosition });
      tookMs.push(performance.now() - began);
      expect(answer.account?.credits).toBe(credits);
      expect(answer.position?.seq).toBeGreaterThanOrEqual(minPosition.seq);
    }
    expect(Math.min(...tookMs)).toBeLessThan(400);
  };
  const paid = must((await pay('one')).position, 'it was decided');
  await expectNearby(5n, paid, 5);

  // Frozen: the leader does not answer, the standby answers with what it has.
  const pid = must(processes.pid(`${HOME}/ledger`), 'the ledger server runs');
  process.kill(pid, 'SIGSTOP');
  cleanUp.push(() => processes.kill(`${HOME}/ledger`, 'SIGCONT'));
  await expect(account({ level: ReadLevel.LEADER }, 400)).rejects.toMatchObject({
    code: expect.stringMatching(/UNAVAILABLE|DEADLINE_EXCEEDED/u),
  });
  await expectNearby(5n, paid, 20);
  const many = { ids: [away, alice, bob], options: ReadOptions.fromPartial(stale) };
  const read = await api.call<GetAccountsResponse>((stub, ...rest) =>
    stub.getAccounts(many, ...rest),
  );
  expect(read.accounts.map(({ id }) => id)).toEqual(many.ids);
  // What no replica has is not made up, and the error reports the newest position.
  const minPosition = { ...paid, seq: paid.seq + 1_000n };
  const failure = () =>
    account({ ...stale, minPosition }, 2_500).catch(
      (error: unknown) => error instanceof ApiError && [error.code, error.reason, error.retryable],
    );
  await expect.poll(failure).toEqual(['UNAVAILABLE', 'BEHIND', true]);

  // Replaced: a transfer that was requested meanwhile is late, but has no error.
  const later = must((await pay('two')).position, 'it was decided');
  expect(later.epoch).toBe(2n);
  await expect.poll(() => probeHealth(second)).toBe(true);
  await expectNearby(10n, later, 5);
  try {
    process.kill(pid, 'SIGCONT');
  } catch {
    // After a dozen seconds its supervisor has started another in its place.
  }
  await expect.poll(() => probeHealth(first)).toBe(false);

  // Dead: the former leader is on standby and answers, before any server leads again.
  child.kill('SIGKILL');
  await expect.poll(() => probeAnswers(second), { interval: 10 }).toBe(false);
  await expectNearby(10n, later, 6);
  expect(await probeHealth(first)).toBe(false);
  expect((await pay('three')).position?.epoch).toBe(3n);
});

function toBook(text: string) {
  const [number = '', name = '', region = ''] = text.split(':');
  return { number: Number(number), name, region };
}
