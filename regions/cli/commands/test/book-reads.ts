import { expect, test } from 'vitest';

import {
  CreateTransferRequest,
  TransferStatus,
  Wait,
} from '../../../../proto/gen/meridian/v1/transfer.ts';
import { MeridianClient } from '../../../../router/client/client.ts';
import { testCertificateStatus } from './certificate-status.ts';
import { type Regions, testPartitionStatus } from './partition-status.ts';
import type { Faults } from '../../../faults/faults.ts';
import { type Meridian, textAt } from '../../../testing/meridian.ts';
import { routerChannel } from '../../../links/known-links.ts';

type Running = () => {
  readonly meridian: Meridian;
  readonly faults: Faults;
  readonly regions: Regions;
  readonly dataDir: string;
};

/** What the commands read from the databases themselves, on an installation without copies. */
export function testBookReads(installation: Running): void {
  const json = (code: number, line: string) =>
    installation().meridian.json(code, ...line.split(' '));
  const run = (line: string) => installation().meridian.run(...line.split(' '));
  const listed = async () => (await run('in-transit')).out;
  const faults = () => installation().faults;
  const idOf = async (name: string) =>
    BigInt(textAt(await json(0, `account show ${name}`), 'account.id'));
  /** A client, and the ids of two accounts: names are looked up in every book. */
  const beforehand = async () => {
    const { regions } = Object(JSON.parse((await run('status --json')).out));
    const [bank, bob] = await Promise.all([idOf('bank'), idOf('bob')]);
    return {
      client: new MeridianClient([regions[0].routerAddress], { channelTo: routerChannel }),
      bank,
      bob,
    };
  };

  testPartitionStatus(installation);
  testCertificateStatus(installation);

  test('money in transit is listed while the book that it goes to has no leader', async () => {
    const { client, bank, bob } = await beforehand();
    await faults().stop('us-east/ledger');
    try {
      const fields = { debitAccountId: bank, creditAccountId: bob, wait: Wait.POSTED };
      const request = { ...fields, idempotencyKey: 'on-its-way', amount: 3n };
      const { status } = await client.createTransfer(CreateTransferRequest.create(request));
      expect(status).toBe(TransferStatus.IN_TRANSIT);
      const leg = { debitAccountId: String(bank), creditAccountId: String(bob), amount: '3' };
      expect(await json(0, 'in-transit')).toMatchObject({
        transfers: [{ fromBook: 'eu-west-1', toBook: 'us-east-1', asset: 'EUR', ...leg }],
        complete: true,
        silent: [],
      });
      const line = new RegExp(`eu-west-1 ${bank} .+us-east-1 ${bob} .+3 \\(0\\.03 EUR\\)`, 'u');
      expect(await listed()).toMatch(line);
      const where = await run('where bob');
      expect(where).toMatchObject({ code: 0, err: '' });
      expect(where.out).toContain(
        `bob is account ${bob}, homed in us-east.\nIts book us-east-1 has no`,
      );
    } finally {
      client.close();
      await faults().start('us-east/ledger');
    }
    await expect.poll(listed, { timeout: 30_000 }).toBe('Nothing is in transit.\n');
    const members = [{ state: 'running', ledger: 'leading' }];
    const book = { leader: { region: 'us-east' }, members, exposure: { safe: false } };
    expect(await json(0, 'where bob')).toMatchObject({
      accounts: [{ externalId: 'bob', book: { name: 'us-east-1', ...book } }],
      silent: [],
    });
  }, 60_000);

  testHistory(installation);
}

function testHistory(installation: Running): void {
  const json = (code: number, line: string) =>
    installation().meridian.json(code, ...line.split(' '));
  const run = (line: string) => installation().meridian.run(...line.split(' '));
  const faults = () => installation().faults;

  test('what operators did and take-overs are the history', async () => {
    const { entries, silent } = Object(await json(0, 'history'));
    expect(silent).toEqual([]);
    const takeOvers = entries.filter(({ kind }: { kind: string }) => kind === 'take-over');
    const books = takeOvers.map((entry: { books: string[] }) => entry.books[0]);
    expect(new Set(books)).toEqual(new Set(['ap-south-1', 'eu-west-1', 'us-east-1']));
    expect(entries).toContainEqual(
      expect.objectContaining({ kind: 'repair', books: ['eu-west-1'], why: 'OPS-1' }),
    );
    expect((await run('where nowhere')).code).toBe(1);
  });

  test('a book whose database does not answer is named, and the others are shown', async () => {
    await faults().stop('ap-south/postgres');
    const silent = ['ap-south-1'];
    const missing = 'no copy of ap-south-1 answers: its part is missing\n';
    const [transit, history, found, absent] = await Promise.all([
      run('in-transit --json'),
      run('history --json'),
      run('where bob --json'),
      run('where nowhere --json'),
    ]);
    expect([transit, history, found].map(({ code, err }) => ({ code, err }))).toEqual([
      { code: 3, err: missing },
      { code: 3, err: missing },
      { code: 0, err: missing },
    ]);
    for (const { out } of [transit, history, found])
      expect(JSON.parse(out)).toMatchObject({ silent });
    expect(absent.code).toBe(3);
    expect(JSON.parse(absent.out)).toMatchObject({
      error: { code: 'NOT_POSSIBLE', message: expect.stringContaining('ap-south-1') },
    });
    await faults().start('ap-south/postgres');
    await expect.poll(async () => (await run('status')).code, { timeout: 60_000 }).toBe(0);
  }, 120_000);
}
