import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { must } from '../../../ledger/core/assert.ts';
import type { MeridianClient } from '../../../router/client/client.ts';
import { EmbeddedTestBooks } from '../../testing/test-books.ts';
import { type Ended, Meridian, textAt } from '../../testing/meridian.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { topologyOf } from '../../testing/topologies.ts';
import { bookOf, open, openInEach, pay, postedIds } from './payments.ts';

// One story: each test continues with the state that the previous ones left.

const REGION = 'solo';
const folder = temporaryFolder();
let books: EmbeddedTestBooks;
let client: MeridianClient;
let meridian: Meridian;

beforeAll(async () => {
  books = await EmbeddedTestBooks.start(folder(), { topology: topologyOf({ [REGION]: 2 }) });
  client = books.client(REGION);
  meridian = new Meridian(books.cluster.dataDir);
});
afterAll(() => books?.stop());

/**
 * What a command that only reads prints. It is repeated until it succeeds: on a machine that is busy
 * a server may not answer its first question in time.
 */
const run = async (line: string) => {
  let ended: Ended | undefined;
  const asked = async () => (ended = await meridian.run(...line.split(' ')));
  await expect.poll(asked, { timeout: 60_000 }).toMatchObject({ code: 0 });
  return must(ended, 'it has ended').out;
};

test('two books of one region pay each other, and every command finds both', async () => {
  const accounts = await openInEach(client, REGION, 2, 'before');
  const [one, two] = [1, 2].map((book) => must(accounts.get(book), 'each book has an account'));
  await pay(client, 'one to two', must(one, ''), must(two, ''));
  const back = await pay(client, 'two to one', must(two, ''), must(one, ''));

  let status: unknown;
  await expect
    .poll(async () => (status = await meridian.json(0, 'status')), { timeout: 30_000 })
    .toMatchObject({ serving: true });
  expect(textAt(status, 'books.1.process')).toBe('solo/ledger-solo-2');
  expect(await run('status')).toMatch(/solo\/ledger-solo-2[^a-z]*ready[^]*solo_1[^]*solo_2/u);
  const names = (await run('accounts --region solo')).match(/before-\d+/gu) ?? [];
  expect(new Set(names).size).toBe(names.length);
  expect(names.length).toBeGreaterThanOrEqual(2);
  for (const name of names.slice(0, 2)) {
    expect(textAt(await meridian.json(0, 'account', 'show', name), 'account.externalId')).toBe(
      name,
    );
  }
  expect(await run('audit')).toMatch(/solo-1[^]*solo-2/u);
  expect(await run('channel list')).toMatch(/solo-1[^]*solo-2/u);
  expect(await run('in-transit')).toMatch(/./u);
  expect(await run('transfers --book solo-2')).toContain(back);
});

test('one of two books in a region can be gone while the other one serves', async () => {
  const accounts = await openInEach(client, REGION, 2, 'before');
  const one = must(accounts.get(1), 'it is open');
  const other = await open(client, await nameIn(1, 'besides'), REGION);
  await books.cluster.processes.stop('solo/ledger-solo-2');
  await pay(client, 'while the second is gone', one, other);
  expect(books.cluster.processes.state('solo/ledger-solo-2')).toBe('stopped');
  await books.cluster.processes.restart('solo/ledger-solo-2');
});

/** A name of an account that is in a book. */
async function nameIn(book: number, prefix: string): Promise<string> {
  for (let index = 0; index < 100; index += 1) {
    const name = `${prefix}-${index}`;
    if (bookOf(await open(client, name, REGION)) === book) return name;
  }
  throw new Error(`no name belongs to book ${book}`);
}

/** Callers that pay between two books, and others that open accounts, until they are stopped. */
class Load {
  readonly paid = new Set<string>();
  readonly opened = new Map<string, bigint>();
  readonly failed: string[] = [];
  #stopping = false;
  readonly #running: Promise<void>[];

  constructor(accounts: readonly bigint[]) {
    this.#running = [0, 1, 2, 3].map((caller) => this.#pay(caller, accounts));
    this.#running.push(this.#open());
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#running);
  }

  async #pay(caller: number, accounts: readonly bigint[]): Promise<void> {
    for (let index = 0; !this.#stopping; index += 1) {
      const at = (caller + index) % accounts.length;
      const [from, to] = [accounts.at(at), accounts.at(at - 1)];
      await pay(client, `load-${caller}-${index}`, must(from, ''), must(to, ''))
        .then((id) => this.paid.add(id))
        .catch((error: unknown) => this.failed.push(String(error)));
    }
  }

  async #open(): Promise<void> {
    for (let index = 0; !this.#stopping; index += 1) {
      const name = `during-${index}`;
      await open(client, name, REGION)
        .then((id) => this.opened.set(name, id))
        .catch((error: unknown) => this.failed.push(String(error)));
    }
  }
}

/** Content of meridian.yaml for one region with this number of books. */
const place = (region: string, count: number) => ({
  regions: [region],
  books: Array.from({ length: count }, (_, index) => ({
    number: index + 1,
    name: `${region}-${index + 1}`,
    region,
  })),
});

test('a book is added under load: nothing is lost, and every name is open once', async () => {
  const accounts = await openInEach(client, REGION, 2, 'before');
  const load = new Load([...accounts.values()]);
  const file = join(folder(), 'meridian.yaml');
  try {
    // What cannot follow is refused, and nothing happens.
    writeFileSync(file, stringify(place(REGION, 1)));
    expect(await meridian.run('config', 'apply', '--config', file)).toMatchObject({ code: 1 });
    writeFileSync(file, stringify(place(REGION, 3)));
    const planned = await meridian.json(0, 'config', 'apply', '--config', file, '--dry-run');
    expect(planned).toMatchObject({ applied: false, books: ['solo-3'] });
    expect(books.cluster.books).toHaveLength(2);

    await expect.poll(() => load.paid.size, { timeout: 30_000 }).toBeGreaterThan(100);
    expect(await meridian.json(0, 'config', 'apply', '--config', file)).toMatchObject({
      applied: true,
      started: ['solo/ledger-solo-3'],
      restarted: ['solo/ledger', 'solo/ledger-solo-2', 'solo/router'],
    });
    const [paid, opened] = [load.paid.size, load.opened.size];
    await expect.poll(() => load.paid.size, { timeout: 30_000 }).toBeGreaterThan(paid + 100);
    await expect.poll(() => load.opened.size, { timeout: 30_000 }).toBeGreaterThan(opened + 20);
  } finally {
    await load.stop();
  }
  expect(load.failed).toEqual([]);

  // The new book has new names, takes payments, and no name has moved.
  const numbers = new Set([...load.opened.values()].map(bookOf));
  expect(numbers).toEqual(new Set([1, 2, 3]));
  for (const [name, id] of load.opened) expect(await open(client, name, REGION)).toBe(id);
  const [first] = accounts.values();
  const added = must(
    [...load.opened.values()].find((id) => bookOf(id) === 3),
    'the new book has an account',
  );
  load.paid.add(await pay(client, 'to the new book', must(first, 'it is open'), added));
  const posted = await postedIds(books);
  expect([...load.paid].filter((id) => !posted.has(id))).toEqual([]);
  const listed = new Map<string, number>();
  for (const name of (await run('accounts --region solo --csv')).match(/during-\d+/gu) ?? []) {
    listed.set(name, (listed.get(name) ?? 0) + 1);
  }
  expect(listed).toEqual(new Map([...load.opened.keys()].map((name) => [name, 1])));
  const report = await books.audit();
  expect(report.violations).toEqual([]);
  expect(report.books).toHaveLength(3);
});
