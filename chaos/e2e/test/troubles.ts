import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once as eventOf } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import pWaitFor from 'p-wait-for';
import { must } from '../../../ledger/core/assert.ts';
import { memberOf } from '../../../ledger/keys/ids-command.ts';
import { Wait } from '../../../proto/gen/meridian/v1/transfer.ts';
import { joinServer } from '../../../regions/links/known-links.ts';
import { childEnvironment } from '../../../regions/processes/environment.ts';
import type { RegionName } from '../../../regions/topology/layout.ts';
import { probeAnswers } from '../../../regions/processes/probes.ts';
import { findFreeBase } from '../../../regions/processes/ports.ts';
import type { Caller } from '../../drive/client/caller.ts';
import { booksOf } from '../../drive/installation/installation.ts';
import type { OwnInstallation } from '../../drive/installation/own.ts';
import type { Nemesis, Scene } from '../../drive/nemeses/nemesis.ts';
import { closeSession, once, openSession, type Session } from '../../drive/nemeses/session.ts';
import { mint, openAccounts, purse } from '../../drive/workloads/accounts.ts';
import { Requests, type DrawnFields } from '../../drive/workloads/requests.ts';
import type { Asking, Trouble } from './brief-run.ts';

const PATIENCE_MS = 20_000;

/** A strike of `forMs`, and the time that recovery takes. */
export function strikeOf(nemesis: Nemesis, forMs: number): Trouble {
  return async (scene, installation) => {
    const strike = await nemesis.aim(scene);
    try {
      await strike.begin();
      await sleep(forMs);
    } finally {
      await strike.end();
    }
    // With a bug, a server that no longer serves may never do so again.
    await until(() => serves(scene, installation)).catch(() => {});
  };
}

async function serves(scene: Scene, { copies }: OwnInstallation): Promise<boolean> {
  if (copies.some(({ book }) => scene.leader(book) === undefined)) return false;
  const answers = copies.map(({ adminUrl }) => once(adminUrl, (session) => session`SELECT 1`));
  return (await Promise.allSettled(answers)).every(({ status }) => status === 'fulfilled');
}

/**
 * Another ledger server takes the book over from one that is frozen in the middle of a commit. It
 * continues afterwards as though it still led: an idle one would first check whether it does.
 */
export function secondServer(programs: string): Trouble {
  return async (scene, installation) => {
    const { faults } = installation;
    const [region] = installation.state().regions;
    const { name, book, bookName, ledgerUrl, ledgerAddress, auditorUrl, adminUrl } = must(
      region,
      'there is one',
    );
    const { ledger } = must(scene.leader(book), 'it is led').processes;
    const listen = `127.0.0.1:${await findFreeBase(1)}`;
    const second = spawn(process.execPath, [join(programs, 'ledger.mjs')], {
      stdio: 'ignore',
      env: childEnvironment({
        MERIDIAN_REGION: name,
        ...joinServer(ledgerAddress, listen, { kind: 'ledger', region: name }).environment,
        MERIDIAN_LISTEN: listen,
        MERIDIAN_LEDGERS: `${ledgerAddress},${listen}`,
        MERIDIAN_BOOKS: `${book}:${bookName}:${name}`,
        MERIDIAN_BOOK: String(book),
        MERIDIAN_DATABASE_URL: ledgerUrl,
      }),
    });
    try {
      await until(() => probeAnswers(listen));
      await freezeInCommit(adminUrl, () => faults.signal(ledger, 'SIGSTOP'));
      await until(async () => (await leaderOf(auditorUrl)) === listen);
      await faults.signal(ledger, 'SIGCONT');
      await sleep(1_000);
    } finally {
      await faults.signal(ledger, 'SIGCONT');
      await endProcess(second);
    }
    await until(
      async () =>
        (await leaderOf(auditorUrl)) === ledgerAddress || scene.leader(book) !== undefined,
    );
  };
}

/**
 * A commit waits for a second copy; the wait is cancelled, so that it is visible but on no
 * other copy; its callers ask again; and the region is lost with all its data.
 */
export const lostWithItsRegion: Trouble = async (scene, installation, asking) => {
  const { faults } = installation;
  const requests = new Requests(asking.namespace);
  const { book, payer, payee } = await openPair(scene, installation, asking, requests);
  const leader = must(scene.leader(book), 'it is led');
  const here = leader.region;
  const { regions } = installation.state();
  const others = regions.flatMap(({ name }) => (name === here ? [] : [name]));
  const admin = openSession(leader.adminUrl);
  try {
    await admin`SELECT 1`;
    // Without Redis the journal is asked first, and returns what is visible.
    await faults.stop(`${here}/redis`);
    // No later write leaves this region. A copy that is only frozen would find it
    // in its sockets afterwards.
    for (const there of others) {
      await faults.cut(here, there, 'blackhole');
      await faults.cut(there, here, 'blackhole');
    }
    const request = requests.pay(payer, payee, 5n);
    const asked = [1, 2].map(() => askAgain(asking.caller(here), request));
    await until(async () => (await waits(admin)).length > 0);
    for (const pid of await waits(admin)) await admin`SELECT pg_cancel_backend(${pid})`;
    await Promise.all(asked);
  } finally {
    await closeSession(admin);
    await faults.loseRegion(here);
  }
  await until(() => Promise.resolve((scene.leader(book) ?? leader) !== leader));
  await faults.restoreRegion(here);
};

/** No copy replays what it has from its leader, while a client looks there for what was paid. */
export const allBehind: Trouble = async (scene, installation, asking) => {
  const { copies } = installation;
  const standbys = copies.filter((copy) => scene.leader(copy.book) !== copy);
  const replay = (what: 'pause' | 'resume') =>
    Promise.all(
      standbys.map(({ adminUrl }) =>
        once(adminUrl, (session) => session.unsafe(`SELECT pg_wal_replay_${what}()`)),
      ),
    );
  const requests = new Requests(asking.namespace);
  const { book, payer, payee } = await openPair(scene, installation, asking, requests);
  await replay('pause');
  try {
    for (const { region } of standbys.filter((copy) => copy.book === book)) {
      const paid = await asking.caller(region).transfer(requests.pay(payer, payee, 1n));
      if (paid.type !== 'ok') continue;
      // A router without an answer of a copy for 400 ms asks the leader: on a busy machine, once.
      for (let asked = 0; asked < 5; asked += 1) {
        await asking.caller(region).balances({
          level: 'stale',
          minPosition: paid.reply.position,
          books: [book],
          accounts: [String(payer.id)],
        });
        await sleep(500);
      }
    }
  } finally {
    await replay('resume');
  }
};

/** A book is silent for a while, with a leg in transit to it, and is then lost. */
export const silentThenGone: Trouble = async (scene, installation, asking) => {
  const { faults, copies } = installation;
  const requests = new Requests(asking.namespace);
  const far = must(copies.at(-1), 'there is a book');
  const { payer, payee } = await openPair(scene, installation, asking, requests, {
    payeeRegion: far.home,
  });
  const { ledger } = far.processes;
  await faults.signal(ledger, 'SIGSTOP');
  // On a busy machine one of them may time out.
  for (let paid = 0; paid < 3; paid += 1) {
    const request = requests.pay(payer, payee, 5n, { wait: Wait.POSTED });
    await asking.caller(payer.region).transfer(request);
  }
  await sleep(1_000);
  await faults.signal(ledger, 'SIGKILL');
  await until(() => Promise.resolve(copies.every(({ book }) => scene.leader(book) !== undefined)));
};

/**
 * Two accounts, of the first region's book unless the payee is given another. The payer may
 * spend without a limit unless it is given its money.
 */
async function openPair(
  scene: Scene,
  installation: OwnInstallation,
  { namespace, caller }: Asking,
  requests: Requests,
  { payeeRegion, money }: { payeeRegion?: RegionName; money?: bigint } = {},
) {
  const { copies } = installation;
  const { regions } = installation.state();
  const books = booksOf(installation);
  const home = must(books[0], 'there is one');
  const setting = { namespace, random: scene.random, regions, books, copies, caller };
  const [payer, payee] = await openAccounts(setting, requests, [
    money === undefined ? mint(home) : purse(home, money),
    mint(payeeRegion ?? home),
  ]);
  return {
    book: home.number,
    payer: must(payer, 'it was opened'),
    payee: must(payee, 'it was opened'),
  };
}

/** Many clients at once spend the little money of one account, by plain payments. */
export const plainSpending: Trouble = async (scene, installation, asking) => {
  // Other troubles open accounts without a limit in the namespace.
  const own = { ...asking, namespace: `${asking.namespace}-plain` };
  const requests = new Requests(own.namespace);
  const pair = await openPair(scene, installation, own, requests, { money: 10n });
  const { payer, payee } = pair;
  for (let round = 0; round < 3; round += 1) {
    const callers = Array.from({ length: 24 }, () => asking.caller(payer.region));
    await Promise.all(
      callers.map((caller) => caller.transfer(requests.payPlainly(payer, payee, 3n, randomUUID()))),
    );
  }
};

/** Redis contains keys that are not in the journal. */
export const redisAhead: Trouble = async (scene, installation, asking) => {
  const [region] = installation.state().regions;
  const { book, name, redisUrl = '' } = must(region, 'there is one');
  // A trouble before this one may have ended its leader.
  await until(() => Promise.resolve(scene.leader(book) !== undefined));
  const { auditorUrl } = must(scene.leader(book), 'it is led');
  const requests = new Requests(asking.namespace);
  const { payer, payee } = await openPair(scene, installation, asking, requests);
  // On a busy machine one of them may time out, or find Redis given up.
  const payments = [1, 2, 3].map(() => requests.pay(payer, payee, 5n));
  const ids = payments.map((fields) => memberOf(requests.idOf(fields)));
  const redis = new Redis(redisUrl);
  try {
    const instance = await instanceOf(auditorUrl);
    for (const generation of ['a', 'b']) {
      await redis.sadd(`meridian:ids:{${instance}}:${generation}`, ...ids);
    }
  } finally {
    redis.disconnect();
  }
  for (const fields of payments) await asking.caller(name).transfer(fields);
};

/** UUID of the book's database, which is in the names of its keys. */
function instanceOf(auditorUrl: string): Promise<string> {
  return once(auditorUrl, async (session) => {
    const [row] = await session<{ instance: string }[]>`SELECT instance FROM head`;
    return must(row, 'it has a head').instance;
  });
}

const ASKS_FOR_MS = 4_000;

/** Repeats a payment until it is answered, for a limited time. */
async function askAgain(caller: Caller, request: DrawnFields): Promise<void> {
  const giveUpAt = performance.now() + ASKS_FOR_MS;
  while (performance.now() < giveUpAt) {
    const reply = await caller.transfer(request, 300);
    if (reply.type === 'ok') return;
    await sleep(20);
  }
}

/** Backends of the ledger whose commit waits for a second copy. */
async function waits(admin: Session): Promise<number[]> {
  const rows = await admin<{ pid: number }[]>`
    SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND usename = 'meridian_ledger'`;
  return rows.map(({ pid }) => pid);
}

/** Freezes a ledger server while its commit waits, which then succeeds. */
async function freezeInCommit(adminUrl: string, freeze: () => Promise<void>): Promise<void> {
  const inLock = () =>
    once(
      adminUrl,
      (session) => session`
        SELECT 1 FROM pg_stat_activity
         WHERE usename = 'meridian_ledger' AND wait_event_type = 'Lock'`,
    );
  await once(adminUrl, (session) =>
    session.begin(async (transaction) => {
      await transaction`SELECT 1 FROM head FOR UPDATE`;
      await until(async () => (await inLock()).length > 0);
      await freeze();
    }),
  );
}

/** Address of the last server that took over the book. */
function leaderOf(auditorUrl: string): Promise<string> {
  return once(auditorUrl, async (session) => {
    const [row] = await session<{ leader: string }[]>`SELECT leader FROM head`;
    return row?.leader ?? '';
  });
}

function until(isSo: () => Promise<boolean>): Promise<void> {
  const timeout = { milliseconds: PATIENCE_MS, message: 'it did not come about in time' };
  return pWaitFor(isSo, { interval: 50, timeout });
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await eventOf(child, 'exit');
}
