import { openToAll } from '../../testing/open-to-all.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import pWaitFor from 'p-wait-for';
import postgres from 'postgres';
import { afterEach, expect, test } from 'vitest';
import { must } from '../../../ledger/core/assert.ts';
import { CreateTransferRequest, TransferStatus } from '../../../proto/gen/meridian/v1/transfer.ts';
import { RouterServer } from '../../../router/router-server.ts';
import { MeridianClient } from '../../../router/client/client.ts';
import { probeHealth } from '../../processes/probes.ts';
import { EmbeddedTestBooks } from '../../testing/test-books.ts';
import { endChild, startLedger } from '../../testing/more-processes.ts';
import { joinServer, routerChannel } from '../../links/known-links.ts';

/** Two ledger servers on one book: under every fault only one posts and nothing is lost. */

const REGION = 'eu-west';
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanUp.splice(0).toReversed()) await clean();
});

test('the second stands by; a frozen leader is replaced and, thawed, posts nothing', async () => {
  const books = await EmbeddedTestBooks.start();
  cleanUp.push(() => books.stop());
  const { cluster } = books;
  const layout = must(
    cluster.layout.regions.find(({ name }) => name === REGION),
    'the region is laid out',
  );
  const state = must(
    cluster.regions.find(({ name }) => name === REGION),
    'the region runs',
  );
  const first = state.ledgerAddress;
  const second = `127.0.0.1:${cluster.layout.basePort + 39}`;
  const ledgers = [...layout.ledgers, second];
  const place = { region: REGION, ledgers, books: layout.allBooks };
  // A leader that only waits for a core is not to be replaced.
  const child = startLedger(state, second, place, { MERIDIAN_LEDGER_PROBES_FAILED: '5' });
  cleanUp.push(() => endChild(child));

  const { client, load } = await startLoad(cluster.layout.basePort + 38, [first, second], layout);
  // While the first leads, the second serves nothing and takes nothing over.
  await load.until(2_000);
  await sleep(2_500);
  expect(await probeHealth(second)).toBe(false);
  expect(await epoch(state.auditorUrl)).toBe(1);

  // Frozen, it is replaced; thawed, it must detect that before it can post.
  const pid = must(cluster.processes.pid(`${REGION}/ledger`), 'the ledger server runs');
  // Not for long: after a dozen seconds its supervisor would start another in its place.
  process.kill(pid, 'SIGSTOP');
  const thaw = () => {
    try {
      process.kill(pid, 'SIGCONT');
    } catch {
      // It has ended since.
    }
  };
  cleanUp.push(thaw);
  await waitFor(() => probeHealth(second), 15_000);
  await load.until(load.acknowledged.size + 1_000);
  thaw();
  await waitFor(async () => !(await probeHealth(first)), 10_000);
  await load.until(load.acknowledged.size + 1_000);
  expect(await epoch(state.auditorUrl)).toBe(2);

  // The second dies: the first, now on standby, takes the book over again.
  child.kill('SIGKILL');
  await waitFor(() => probeHealth(first), 15_000);
  await load.until(load.acknowledged.size + 1_000);
  await load.stop();

  const report = await books.audit();
  expect(report.violations).toEqual([]);
  const sql = postgres(state.auditorUrl, { max: 1 });
  cleanUp.push(() => sql.end());
  const rows = await sql<{ id: string }[]>`SELECT id FROM journal WHERE kind = 1 AND reason = 0`;
  const posted = new Set(rows.map(({ id }) => id));
  expect([...load.acknowledged].filter((id) => !posted.has(id))).toEqual([]);
  expect(posted.size).toBe(rows.length);
  // Every key that was ever sent is repeated: it must be posted only once.
  for (const request of load.unknown) await client.createTransfer(request);
  const [count] = await sql<{ n: number }[]>`
    SELECT count(*)::int AS n FROM journal WHERE kind = 1`;
  expect(count?.n).toBe(load.acknowledged.size + load.unknown.length);
});

interface Load {
  readonly acknowledged: Set<string>;
  /** Requests whose outcome the client never received. */
  readonly unknown: CreateTransferRequest[];
  until(acknowledged: number): Promise<void>;
  stop(): Promise<void>;
}

/** A router that knows both servers, and transfers through it until stopped. */
async function startLoad(
  port: number,
  ledgers: readonly string[],
  layout: { readonly allBooks: readonly string[] },
): Promise<{ client: MeridianClient; load: Load }> {
  const listen = `127.0.0.1:${port}`;
  const books = layout.allBooks.map((text) => {
    const [number = '', name = '', region = ''] = text.split(':');
    return { number: Number(number), name, region };
  });
  const { links: security } = joinServer(ledgers[0], listen, { kind: 'router', region: REGION });
  const router = new RouterServer(
    { listen, security, access: openToAll, region: REGION, books, ledgers },
    quiet,
  );
  await router.start();
  cleanUp.push(() => router.stop());
  const client = new MeridianClient([listen], {
    timeoutMs: 60_000,
    attemptTimeoutMs: 5_000,
    channelTo: routerChannel,
  });
  cleanUp.push(() => client.close());
  const [cash, alice] = await client.openAccounts(
    ['cash', 'alice'].map((externalId) => ({
      externalId,
      homeRegion: REGION,
      asset: 'EUR',
      min: { $case: 'noMinBalance', value: true },
      max: undefined,
      metadata: {},
      dryRun: false,
    })),
  );
  const acknowledged = new Set<string>();
  const unknown: CreateTransferRequest[] = [];
  const stopping = new AbortController();
  // A test that fails must end the load as well: it would go on without pause, until memory is full.
  cleanUp.push(() => stopping.abort());
  const worker = async () => {
    while (!stopping.signal.aborted) {
      const transfers = Array.from({ length: 50 }, () =>
        CreateTransferRequest.fromPartial({
          idempotencyKey: crypto.randomUUID(),
          debitAccountId: cash?.account?.id ?? 0n,
          creditAccountId: alice?.account?.id ?? 0n,
          amount: 1n,
        }),
      );
      try {
        const results = await client.createTransfers(transfers);
        for (const { transferId, status } of results) {
          expect(status).toBe(TransferStatus.POSTED);
          acknowledged.add(transferId);
        }
      } catch {
        unknown.push(...transfers);
      }
    }
  };
  const workers = Array.from({ length: 4 }, worker);
  const load: Load = {
    acknowledged,
    unknown,
    until: (count) => waitFor(() => Promise.resolve(acknowledged.size >= count), 30_000),
    stop: async () => {
      stopping.abort();
      await Promise.all(workers);
    },
  };
  return { client, load };
}

async function epoch(auditorUrl: string): Promise<number> {
  const sql = postgres(auditorUrl, { max: 1 });
  try {
    const [head] = await sql<{ epoch: string }[]>`SELECT epoch FROM head`;
    return Number(head?.epoch);
  } finally {
    await sql.end();
  }
}

function waitFor(condition: () => Promise<boolean>, timeoutMs: number): Promise<void> {
  return pWaitFor(condition, { interval: 100, timeout: timeoutMs });
}
