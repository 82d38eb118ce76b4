import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { must } from '../../../ledger/core/assert.ts';
import { type Cluster, startCluster } from '../../supervisor/embedded/embedded-cluster.ts';
import { childEnvironment, findProgram } from '../../processes/environment.ts';
import { withPassword } from '../../topology/passfile.ts';
import { findFreeBase } from '../../processes/ports.ts';
import { connect } from '../../../ledger/store/postgres/connect.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { textAt } from '../../testing/meridian.ts';
import { MeridianHere } from '../../testing/meridian-here.ts';
import { copyDatabase, restoreDatabase } from '../../drills/older-database.ts';
import { testBookReads } from './test/book-reads.ts';
import { testJsonNames } from './test/json-names.ts';
import { passwordsOf } from './test/passwords.ts';
import { testWrongUsage } from './test/wrong-usage.ts';

// One story: each part continues with the state that the previous ones left.
const folder = temporaryFolder();
let cluster: Cluster;
let meridian: MeridianHere;

beforeAll(async () => {
  const dataDir = join(folder(), 'data');
  cluster = await startCluster({ dataDir, basePort: await findFreeBase() });
  meridian = new MeridianHere(dataDir);
  const accounts = [
    ['bank', 'eu-west', 'EUR', 'none'],
    ['alice', 'eu-west', 'EUR/2', '0'],
    ['shop', 'eu-west', 'EUR', '0'],
    ['fees', 'eu-west', 'EUR', '0'],
    ['bob', 'us-east', 'EUR', '0'],
    ['fx-eur', 'eu-west', 'EUR', 'none'],
    ['fx-usd', 'eu-west', 'USD', 'none'],
    ['carol', 'eu-west', 'USD', '0'],
  ] as const;
  await Promise.all(
    accounts.map(([name, region, asset, min]) => {
      const args = ['account', 'open', name, '--region', region, '--asset', asset, '--min', min];
      return meridian.json(0, ...args);
    }),
  );
});
afterAll(() => cluster?.stop());

const ops = ['--by', 'jane', '--why', 'ticket 4711'];
const json = (code: number, line: string, ...more: string[]) =>
  meridian.json(code, ...line.split(' '), ...more);
const run = (line: string, ...more: string[]) => meridian.run(...line.split(' '), ...more);
const change = (code: number, line: string, ...more: string[]) =>
  json(code, `account ${line}`, ...ops, ...more);
const account = (name: string) => json(0, `account show ${name}`);
const idOf = async (name: string) => textAt(await account(name), 'account.id');

describe('accounts and assets', () => {
  test('an account whose asset is unknown, or has another scale, is refused', async () => {
    const place = '--region eu-west --asset';
    expect(await json(1, `account open p ${place} POINTS`)).toMatchObject({
      reason: 'REASON_ASSET_NOT_REGISTERED',
    });
    expect(await json(1, `account open p ${place} EUR/3`)).toMatchObject({
      reason: 'REASON_SCALE_MISMATCH',
    });
    const taken = await run(`account open alice ${place} USD`);
    expect(taken).toMatchObject({ code: 1 });
    expect(taken.out).toContain('asset differs');
  });

  test('a dry run opens nothing', async () => {
    const dry = await json(0, 'account open zoe --region eu-west --asset EUR --dry-run');
    expect(dry).toMatchObject({ account: { externalId: 'zoe', asset: 'EUR' }, dryRun: true });
    expect(await run('account find zoe')).toMatchObject({ code: 1 });
  });

  test('an asset is registered once, with its scale', async () => {
    const register = 'asset register POINTS --scale 1';
    expect(await json(0, register, ...ops, '--dry-run')).toMatchObject({
      asset: { asset: 'POINTS', scale: 1, maxAmount: '461168601842738790.3' },
    });
    expect((await run('asset list')).out).not.toContain('POINTS');
    expect(await json(0, register, ...ops)).not.toMatchObject({ replayed: true });
    expect(await json(0, register, ...ops)).toMatchObject({ replayed: true });
    const other = await json(1, 'asset register POINTS --scale 2', ...ops);
    expect(other).toMatchObject({ differingField: 'scale' });
    expect((await run('asset list')).out).toMatch(/POINTS.+1.+461168601842738790\.3/u);
    await json(0, 'account open points --region ap-south --asset POINTS/1');
  });
});

describe('transfers', () => {
  test('one outcome per key; another amount is named', async () => {
    const fund = 'transfer --from bank --to alice --key fund --amount';
    expect(await json(0, `${fund} 10000`)).toMatchObject({ status: 'TRANSFER_STATUS_POSTED' });
    expect(await json(0, `${fund} 10000`)).toMatchObject({ replayed: true });
    expect(await json(1, `${fund} 10001`)).toMatchObject({
      reason: 'REASON_IDEMPOTENCY_KEY_REUSED',
      differingField: 'amount',
    });
    expect((await run(`${fund} 10000`)).out).toMatch(/^posted 10000 \(100\.00 EUR\), as answered/u);
  });

  test('a key can be asked for, seen or never seen', async () => {
    expect(await json(0, 'transfer show fund')).toMatchObject({
      found: true,
      transfer: { status: 'TRANSFER_STATUS_POSTED', amount: '10000', left: '10000' },
    });
    expect(await json(1, 'transfer show never')).toMatchObject({ found: false });
    expect(await run('transfer show never')).toMatchObject({
      code: 1,
      out: '"never" was never seen.\n',
    });
    expect((await run('transfer show fund')).out).toMatch(/^amount +10000 \(100\.00 EUR\)$/mu);
  });

  test('a new key is printed before the call, and not for a dry run', async () => {
    const pay = 'transfer --from alice --to fees --amount 1';
    const dry = await run(`${pay} --dry-run`);
    expect(dry).toMatchObject({ code: 0, err: '' });
    expect(dry.out).toMatch(
      /^dry run, nothing is written: posted 1 \(0\.01 EUR\)\ntransfer \S+$/mu,
    );
    const { err } = await run(pay);
    const key = /^key (\S+)$/mu.exec(err)?.[1] ?? '';
    expect(await json(0, `transfer show ${key}`)).toMatchObject({
      transfer: { transferId: key, amount: '1' },
    });
    expect(await account('fees')).toMatchObject({ account: { balance: '1' } });
  });

  test('conditions, and amounts up to what there is', async () => {
    const pay = 'transfer --from alice --to shop --amount';
    const most = '99999 --up-to debit --asset EUR/2 --if-at-least alice=1 --dry-run';
    const answers = [
      [1, '1 --if-at-least alice=99999', { reason: 'REASON_CONDITION_NOT_MET' }],
      [1, '1 --if-at-most alice=1', { reason: 'REASON_CONDITION_NOT_MET' }],
      [1, '1 --if-version alice=77', { reason: 'REASON_VERSION_MISMATCH' }],
      [0, most, { actualAmount: '9999' }],
      [1, '99999', { reason: 'REASON_INSUFFICIENT_FUNDS' }],
      [1, '1 --asset EUR/3', { reason: 'REASON_SCALE_MISMATCH' }],
    ] as const;
    // None of them moves anything.
    await Promise.all(
      answers.map(async ([code, how, answer]) => {
        expect(await json(code, `${pay} ${how}`)).toMatchObject(answer);
      }),
    );
  });
});

describe('holds', () => {
  test('reserve, capture in part, release', async () => {
    const hold = 'hold create --from alice --to shop --amount 5000 --key order-9 --expires-in 15m';
    const made = await run(hold);
    expect(made.out).toMatch(/^held 5000 \(50\.00 EUR\) until \d{4}-/u);
    expect(await account('alice')).toMatchObject({
      account: { balance: '9999', available: '4999', heldDebits: '5000' },
    });
    const part = await json(0, 'hold capture order-9 --amount 2000 --key part');
    expect(part).toMatchObject({ status: 'TRANSFER_STATUS_POSTED' });
    expect(await json(0, 'hold show order-9')).toMatchObject({
      hold: { status: 'TRANSFER_STATUS_HELD', left: '3000', hold: { timeoutSeconds: 900 } },
    });
    expect(await json(1, 'hold capture order-9 --amount 3001')).toMatchObject({
      reason: 'REASON_HOLD_EXCEEDED',
    });
    expect(await json(0, 'hold release order-9')).toMatchObject({
      status: 'TRANSFER_STATUS_RELEASED',
      actualAmount: '3000',
    });
    expect(await json(1, 'hold capture order-9')).toMatchObject({
      reason: 'REASON_HOLD_RELEASED',
    });
    expect((await run('hold show order-9')).out).toMatch(/^status +released$/mu);
    expect(await run('hold show fund')).toMatchObject({
      code: 1,
      err: 'meridian: "fund" is not a hold\n',
    });
  });

  test('capture into another region', async () => {
    await json(0, 'hold create --from alice --to bob --amount 300 --key abroad');
    expect(await json(0, 'hold capture abroad --amount 200 --final')).toMatchObject({
      status: 'TRANSFER_STATUS_POSTED',
    });
    expect(await account('bob')).toMatchObject({ account: { balance: '200' } });
    expect(await json(0, 'hold show abroad')).toMatchObject({
      hold: { status: 'TRANSFER_STATUS_CAPTURED' },
    });
  });
});

describe('reversals', () => {
  test('in part, and never more than is left', async () => {
    expect(await json(0, 'reverse part --amount 500 --dry-run')).toMatchObject({
      status: 'TRANSFER_STATUS_POSTED',
    });
    expect(await json(0, 'reverse part --amount 500')).toMatchObject({
      status: 'TRANSFER_STATUS_POSTED',
    });
    expect(await json(1, 'reverse part --amount 1501')).toMatchObject({
      reason: 'REASON_REVERSAL_EXCEEDED',
    });
    expect(await json(0, 'transfer show part')).toMatchObject({ transfer: { left: '1500' } });
    expect(await json(0, 'reverse part')).toMatchObject({ actualAmount: '1500' });
    expect(await run('reverse never')).toMatchObject({
      code: 1,
      err: 'meridian: "never" was never seen\n',
    });
  });

  test('across regions', async () => {
    await json(0, 'transfer --from alice --to bob --amount 50 --key gift');
    expect(await json(0, 'reverse gift --amount 20')).toMatchObject({
      status: 'TRANSFER_STATUS_POSTED',
    });
    expect(await account('bob')).toMatchObject({ account: { balance: '230' } });
  });
});

describe('groups', () => {
  test('the leg that breaks it is named', async () => {
    const broken = 'group --key broken --leg alice:shop:100 --leg shop:fees:999999:7';
    expect(await json(1, broken)).toMatchObject({
      status: 'TRANSFER_STATUS_REJECTED',
      reason: 'REASON_INSUFFICIENT_FUNDS',
      group: {
        legs: [{ reason: 'REASON_GROUP_FAILED' }, { reason: 'REASON_INSUFFICIENT_FUNDS' }],
      },
    });
    const { out } = await run(broken);
    expect(out).toMatch(/^rejected \(insufficient_funds\); nothing was moved, as answered before/u);
    expect(out).toMatch(/shop.+fees.+999999.+rejected \(insufficient_funds\)/u);
  });

  test('an exchange keeps its rate', async () => {
    const exchange = 'group --key fx --leg alice:fx-eur:1000 --leg fx-usd:carol:1083';
    const rate = '--metadata rate=1.0832';
    expect(await json(0, `${exchange} ${rate} --dry-run`)).toMatchObject({
      status: 'TRANSFER_STATUS_POSTED',
    });
    expect(await json(1, 'transfer show fx')).toMatchObject({ found: false });
    const { code, out } = await run(`${exchange} ${rate}`);
    expect(code).toBe(0);
    expect(out).toMatch(/alice.+fx-eur.+1000 \(10\.00 EUR\).+posted/u);
    expect(out).toMatch(/fx-usd.+carol.+1083 \(10\.83 USD\).+posted/u);
    const group = await json(0, 'transfer show fx');
    expect(group).toMatchObject({
      transfer: {
        metadata: { rate: '1.0832' },
        legs: [{ amount: '1000' }, { amount: '1083' }],
      },
    });
    const leg = textAt(group, 'transfer.legs.1.transferId');
    expect(await json(0, `transfer show ${leg}`)).toMatchObject({
      transfer: { groupId: textAt(group, 'transfer.transferId') },
    });
    expect((await run('reverse fx')).err).toContain(leg);
    expect(await json(0, `reverse ${leg} --amount 83`)).toMatchObject({
      status: 'TRANSFER_STATUS_POSTED',
    });
    expect(await account('carol')).toMatchObject({ account: { balance: '1000' } });
  });

  test('legs of a file', async () => {
    const file = join(folder(), 'legs.json');
    const legs = [
      { from: 'alice', to: 'shop', amount: '400', code: 7, metadata: { item: 'book' } },
      { from: 'alice', to: await idOf('fees'), amount: 10, ifAtLeast: { alice: 1 } },
      { from: 'alice', to: 'shop', amount: 100, hold: { timeoutSeconds: 60 } },
      { from: 'shop', to: 'fees', amount: 99_999, upTo: 'debit' },
    ];
    writeFileSync(file, JSON.stringify(legs));
    const { group } = Object(await json(0, `group --file ${file}`));
    expect(group).toMatchObject({
      legs: [
        { status: 'TRANSFER_STATUS_POSTED' },
        { status: 'TRANSFER_STATUS_POSTED' },
        { status: 'TRANSFER_STATUS_HELD' },
        { actualAmount: '400' },
      ],
    });
    const hold = textAt(group, 'legs.2.transferId');
    expect(await json(0, `hold release ${hold}`)).toMatchObject({ actualAmount: '100' });
  });

  test('payers of different books are refused by name', async () => {
    const { code, err } = await run('group --leg alice:shop:1 --leg bob:shop:1');
    expect(code).toBe(2);
    expect(err).toMatch(/book/u);
  });
});

describe('the life of an account', () => {
  const pay = 'transfer --from alice --to shop --amount 1';

  test('frozen, and free again', async () => {
    expect(await change(0, 'freeze alice --out --dry-run')).toMatchObject({ dryRun: true });
    expect(await account('alice')).toMatchObject({ account: { freeze: 'FREEZE_NONE' } });
    await change(0, 'freeze alice --out --key freeze-1');
    expect(await json(1, pay)).toMatchObject({ reason: 'REASON_DEBIT_ACCOUNT_FROZEN' });
    expect((await run('account show alice')).out).toMatch(/^state +frozen \(out\)$/mu);
    expect(await change(0, 'freeze alice --out --key freeze-1')).toMatchObject({ replayed: true });
    expect(await change(1, 'freeze alice --in --key freeze-1')).toMatchObject({
      reason: 'REASON_IDEMPOTENCY_KEY_REUSED',
      differingField: 'freeze',
    });
    await change(0, 'unfreeze alice');
    expect(await json(0, pay)).toMatchObject({ status: 'TRANSFER_STATUS_POSTED' });
  });

  test('closed, and open again', async () => {
    expect(await change(1, 'close alice')).toMatchObject({ reason: 'REASON_BALANCE_NOT_ZERO' });
    await json(0, 'account open empty --region eu-west --asset EUR');
    expect(await change(1, 'reopen empty')).toMatchObject({ reason: 'REASON_ACCOUNT_NOT_CLOSED' });
    expect(await change(1, 'close empty --expected-version 9')).toMatchObject({
      reason: 'REASON_VERSION_MISMATCH',
    });
    await change(0, 'close empty');
    expect(await account('empty')).toMatchObject({ account: { closed: true } });
    expect(await json(1, 'transfer --from alice --to empty --amount 1')).toMatchObject({
      reason: 'REASON_CREDIT_ACCOUNT_CLOSED',
    });
    await change(0, 'reopen empty');
    await json(0, 'transfer --from alice --to empty --amount 1');
  });

  test('limits and metadata are replaced', async () => {
    await change(0, 'limits shop --min -100 --max 500');
    expect(await account('shop')).toMatchObject({
      account: { minBalance: '-100', maxBalance: '500' },
    });
    expect(await json(1, 'transfer --from alice --to shop --amount 501')).toMatchObject({
      reason: 'REASON_MAX_BALANCE_EXCEEDED',
    });
    await change(0, 'limits shop --min none --max none');
    await change(0, 'metadata shop owner=finance team=7');
    expect(await account('shop')).toMatchObject({
      account: { metadata: { owner: 'finance', team: '7' } },
    });
    await change(0, 'metadata shop --none');
    expect(await account('shop')).not.toHaveProperty('account.metadata.owner');
    expect(await account('shop')).not.toHaveProperty('account.minBalance');
  });
});

// Tests that change nothing may run concurrently.
describe.concurrent('reading', () => {
  test('an account as it was', async () => {
    const fund = await json(0, 'transfer show fund');
    const at = textAt(fund, 'transfer.decidedAt');
    expect(at).toMatch(/\.\d{6}Z$/u);
    const seq = textAt(fund, 'transfer.position.seq');
    for (const then of [`--at ${at}`, `--at-seq ${seq}`]) {
      expect(await json(0, `account show alice ${then}`)).toMatchObject({
        account: { balance: '10000', available: '10000' },
      });
    }
    expect((await run('account show alice --at 2020-01-01')).code).toBe(1);
  });

  test('the history of an account contains holds and changes', async () => {
    const { out } = await run('account history alice --limit 1000');
    expect(out).toMatch(/hold.+-5000/u);
    expect(out).toMatch(/account changed.+jane.+ticket 4711/u);
    const newest = await json(0, 'account history alice --newest --limit 1');
    expect(newest).toMatchObject({ complete: false, entries: [{ side: 'SIDE_DEBIT' }] });
  });

  test('a statement, forward and backward, on pages', async () => {
    const whole = await json(0, 'statement alice');
    const { account: now, entries } = Object(whole);
    expect(whole).toMatchObject({ complete: true, closing: { balance: now.balance } });
    expect(BigInt(Object(whole).credits) - BigInt(Object(whole).debits)).toBe(BigInt(now.balance));
    const backward = Object(await json(0, 'statement alice --newest'));
    expect(backward.entries).toEqual(entries.toReversed());
    const some = await json(0, 'statement alice --limit 2');
    expect(some).toMatchObject({ complete: false, closing: { balance: now.balance } });
    const from = textAt(await json(0, 'transfer show part'), 'transfer.decidedAt');
    expect(await json(0, `statement alice --from ${from} --limit 1`)).toMatchObject({
      opening: { balance: '9999' },
      entries: [{ amount: '2000' }],
    });
    const { out } = await run('statement alice --to 2020-01-01');
    expect(out).toContain('Nothing was posted.');
  });

  test('transfers are found', async () => {
    const found = async (line: string, ...more: string[]) => {
      const { transfers } = Object(await json(0, `transfers ${line}`, ...more));
      return transfers.map((each: object) => textAt(each, 'idempotencyKey'));
    };
    expect(await found('--book eu-west-1 --metadata rate=1.0832')).toEqual(['fx']);
    expect(await found('--book eu-west-1 --metadata rate --status rejected')).toEqual([]);
    expect(await found('--account bob')).toHaveLength(3);
    const keys = await found('--account alice --status held --status released --status captured');
    expect(keys).toEqual(expect.arrayContaining(['order-9', 'abroad']));
    const filter = JSON.stringify({ allOf: { filters: [{ code: 7 }, { reference: 'no' }] } });
    expect(await found('--book eu-west-1 --filter', filter)).toEqual([]);
    const first = await json(0, 'transfers --book eu-west-1 --limit 1');
    expect(first).toMatchObject({ complete: false, transfers: [{ idempotencyKey: 'fund' }] });
  });
});

const lines = (out: string): unknown[] =>
  out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('events', () => {
  test('a journal has no gaps, nor has an account', async () => {
    const { out, err, code } = await run('events --book eu-west-1 --json');
    expect(code).toBe(0);
    const seqs = lines(out).map((event) => textAt(event, 'position.seq'));
    expect(seqs).toEqual(seqs.map((_, index) => String(index + 1)));
    expect(err).toBe(`resume with --after ${seqs.length}\n`);
    const rest = await run(`events --book eu-west-1 --json --after ${seqs.length - 2}`);
    expect(lines(rest.out)).toHaveLength(2);

    const own = await run('events --account alice --json');
    const id = await idOf('alice');
    const versions = lines(own.out).map((event) => {
      const side = textAt(event, 'debitAccount.accountId') === id ? 'debit' : 'credit';
      return textAt(event, `${side}Account.version`);
    });
    expect(versions).toEqual(versions.map((_, index) => String(index + 1)));
  });

  test('what happens is followed until Ctrl-C', async () => {
    const start = Number(textAt(await account('fees'), 'account.version'));
    const { child, ended } = meridian.start(
      ...`events --account fees --after ${start} --follow --json`.split(' '),
    );
    const received = once(child.stdout, 'data');
    await json(0, 'transfer --from alice --to fees --amount 7 --reference tail');
    await received;
    child.kill('SIGINT');
    const { code, out, err } = await ended;
    expect({ code, err }).toEqual({ code: 0, err: `resume with --after ${start + 1}\n` });
    expect(lines(out)).toMatchObject([{ kind: 'EVENT_KIND_TRANSFER', reference: 'tail' }]);
  });
});

test('a book restored from an older copy is detected and repaired', async () => {
  const { adminUrl } = must(cluster.regions[0], 'eu-west runs');
  const whileStopped = async (work: (url: string) => Promise<void>) => {
    await cluster.faults.stop('eu-west/ledger');
    await work(adminUrl);
    await cluster.faults.start('eu-west/ledger');
  };
  await whileStopped(copyDatabase);
  const lost = 'transfer --from bank --to bob --amount 41 --key lost-by-restore --reference rent';
  expect(await json(0, lost)).toMatchObject({ status: 'TRANSFER_STATUS_POSTED' });
  await whileStopped(restoreDatabase);
  const out = async (line: string) => (await run(line)).out;
  await expect.poll(() => out('channel list'), { timeout: 30_000 }).toContain('CHANNEL_DIVERGED');
  await expect.poll(() => out('status')).toContain('eu-west-1 has lost rows and posts nothing');
  const pay = () => run('transfer --from bank --to fees --amount 1 --timeout 2');
  await expect.poll(pay).toMatchObject({ code: 3, err: expect.stringContaining('has lost rows') });
  const repair = 'channel repair eu-west-1';
  const leg = { reference: 'rent', amount: '41', result: 'applied' };
  expect(await json(1, repair)).toMatchObject([{ peer: 'us-east-1', lostSent: [leg] }]);
  expect((await run(`${repair} --yes`)).code).toBe(2);
  expect(await json(0, `${repair} --why OPS-1 --yes`)).toMatchObject([{ repaired: true }]);
  await expect.poll(async () => (await run('channel list')).code, { timeout: 30_000 }).toBe(0);
  expect(await json(0, lost)).toMatchObject({ status: 'TRANSFER_STATUS_POSTED', replayed: true });
  expect(await json(0, 'audit')).toMatchObject({ ok: true, notes: [] });
}, 120_000);

test('status prints no password, and commands of psql that work', async () => {
  const [text, asJson] = await Promise.all([run('status'), run('status --json')]);
  const printed = text.out + text.err + asJson.out + asJson.err;
  expect(passwordsOf(cluster).filter((each) => each !== '' && printed.includes(each))).toEqual([]);
  const commands = text.out.match(/PGPASSFILE=.+$/gmu) ?? [];
  expect(commands).toHaveLength(3);
  for (const command of commands) {
    const [, passfile = '', url = ''] = /^PGPASSFILE=(\S+) psql (\S+)$/u.exec(command) ?? [];
    const sql = connect(withPassword(url, undefined, passfile), 1);
    expect(await sql`SELECT current_user AS me`).toEqual([{ me: 'auditor' }]);
    await sql.end();
    if (findProgram('psql') === undefined) continue;
    const shell = ['-c', `${command} -Atc 'SELECT current_user'`];
    const out = execFileSync('/bin/sh', shell, { encoding: 'utf8', env: childEnvironment() });
    expect(out).toBe('auditor\n');
  }
  const { regions } = Object(JSON.parse(asJson.out));
  const [{ auditorUrl, auditorPassfile }] = regions;
  expect(commands[0]).toContain(`PGPASSFILE=${auditorPassfile} psql ${auditorUrl}`);
});

const installation = () => ({ ...cluster, meridian, folder: folder() });
testBookReads(installation);
testJsonNames(installation);
testWrongUsage(installation);
