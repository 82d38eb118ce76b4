import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll } from 'vitest';
import { must } from '../../ledger/core/assert.ts';
import { Random } from '../../ledger/core/random.ts';

/** Files to replay, and what the books must contain afterwards. */
export interface PaymentFiles {
  readonly source: string;
  /** Prefix of all names of accounts and all keys. */
  readonly prefix: string;
  readonly accounts: string;
  readonly payments: string;
  readonly paymentCount: number;
  /** Regions of the files by the region that they stand for. */
  readonly map: ReadonlyMap<string, string>;
  /** Debits and credits of each account, by external id. */
  readonly expected: Balances;
}

/** Debits and credits of each account. */
type Balances = ReadonlyMap<string, { readonly debits: bigint; readonly credits: bigint }>;

/** The same, with names and keys as they were given. */
interface Payments {
  readonly source: string;
  readonly map: ReadonlyMap<string, string>;
  /** Fields of each line, without the heading: name first. */
  readonly accounts: readonly (readonly string[])[];
  /** Key, date, payer, payee, amount and what follows. */
  readonly payments: readonly (readonly string[])[];
  readonly expected: Balances;
}

/** The folder with the payments of a real bank, if present; never part of the project. */
const BERKA =
  process.env['BERKA_DIR'] ??
  path.join(import.meta.dirname, '..', '..', '..', 'shared', 'data', 'berka');

/**
 * The Berka files where they are available, else files made from a fixed seed. Files of another
 * prefix are other payments between other accounts, so that books can have both. They go away
 * after the tests of the file that asks for them.
 *
 * @param most how many payments at most: the first of them
 */
export function paymentFiles(prefix: string, most = Infinity): PaymentFiles {
  const { source, map, accounts, payments: all, expected: atTheEnd } = given();
  const payments = all.slice(0, most);
  const expected = payments.length < all.length ? addUp({ accounts, payments }) : atTheEnd;
  const folder = mkdtempSync(path.join(tmpdir(), 'meridian-payments-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const file = (name: string, heading: string, rows: readonly (readonly string[])[]) => {
    const at = path.join(folder, name);
    writeFileSync(at, `${[heading, ...rows.map((fields) => fields.join(','))].join('\n')}\n`);
    return at;
  };
  return {
    source,
    prefix,
    accounts: file(
      'accounts.csv',
      'account,home_region,currency,may_overdraw',
      accounts.map(([name = '', ...rest]) => [prefix + name, ...rest]),
    ),
    payments: file(
      'payments.csv',
      'key,booked_on,debit_account,credit_account,amount_minor,currency,kind',
      payments.map(([key = '', date = '', debit = '', credit = '', ...rest]) => [
        prefix + key,
        date,
        prefix + debit,
        prefix + credit,
        ...rest,
      ]),
    ),
    paymentCount: payments.length,
    map,
    expected: new Map([...expected].map(([name, balances]) => [prefix + name, balances])),
  };
}

let read: Payments | undefined;

function given(): Payments {
  read ??= existsSync(path.join(BERKA, 'payments.csv')) ? berka() : madeUp();
  return read;
}

/** Fields of the lines of one of the Berka files, without the heading. */
function lines(name: string): string[][] {
  const [, ...rest] = readFileSync(path.join(BERKA, name), 'utf8').trim().split('\n');
  return rest.map((line) => line.split(','));
}

function berka(): Payments {
  return {
    source: 'Berka',
    map: new Map([
      ['prague', 'eu-west'],
      ['bohemia', 'us-east'],
      ['moravia', 'ap-south'],
    ]),
    accounts: lines('accounts.csv'),
    payments: lines('payments.csv'),
    expected: new Map(
      lines('expected_balances.csv').map(([account = '', debits = '', credits = '']) => [
        account,
        { debits: BigInt(debits), credits: BigInt(credits) },
      ]),
    ),
  };
}

/** 300 accounts that may be overdrawn, 20,000 payments, the balances from adding them up. */
function madeUp(): Payments {
  process.stderr.write(`no Berka files in ${BERKA}: replaying made-up payments instead\n`);
  const random = new Random(7);
  const regions = ['eu-west', 'us-east', 'ap-south'];
  const names = Array.from({ length: 300 }, (_, index) => `account-${index}`);
  const payments = Array.from({ length: 20_000 }, (_, index) => {
    const from = random.below(names.length);
    const to = (from + 1 + random.below(names.length - 1)) % names.length;
    const [debit = '', credit = ''] = [names[from], names[to]];
    const amount = BigInt(1 + random.below(100_000));
    return [`made-up-${index}`, '2020-01-01', debit, credit, String(amount), 'EUR', 'transfer'];
  });
  const accounts = names.map((name, index) => [name, regions[index % 3] ?? '', 'EUR', 'yes']);
  const expected = addUp({ accounts, payments });
  return { source: 'made up', map: new Map(), accounts, payments, expected };
}

/** The balances after these payments, if all of them are made. */
function addUp({ accounts, payments }: Pick<Payments, 'accounts' | 'payments'>): Balances {
  const balances = new Map(accounts.map(([name = '']) => [name, { debits: 0n, credits: 0n }]));
  for (const [, , debit = '', credit = '', amount = ''] of payments) {
    const payer = must(balances.get(debit), `${debit} is an account`);
    payer.debits += BigInt(amount);
    const payee = must(balances.get(credit), `${credit} is an account`);
    payee.credits += BigInt(amount);
  }
  return balances;
}
