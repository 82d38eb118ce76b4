import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Random } from '../sample/random.ts';

/** Files to replay, and what the books must say afterwards. */
export interface PaymentFiles {
  readonly source: string;
  readonly accounts: string;
  readonly payments: string;
  readonly paymentCount: number;
  /** Regions of the files by the region that they stand for. */
  readonly map: ReadonlyMap<string, string>;
  /** Debits and credits of each account, by external id. */
  readonly expected: ReadonlyMap<string, { readonly debits: bigint; readonly credits: bigint }>;
}

/** Where the payments of a real bank lie, if they do; never part of the project. */
const BERKA =
  process.env['BERKA_DIR'] ??
  path.join(import.meta.dirname, '..', '..', '..', 'shared', 'data', 'berka');

/** The Berka files where they are to be had, else files made from a fixed seed. */
export function paymentFiles(): PaymentFiles {
  if (existsSync(path.join(BERKA, 'payments.csv'))) return berka();
  process.stderr.write(`no Berka files in ${BERKA}: replaying made-up payments instead\n`);
  return madeUp();
}

function berka(): PaymentFiles {
  const lines = (name: string) =>
    readFileSync(path.join(BERKA, name), 'utf8').trim().split('\n').slice(1);
  return {
    source: 'Berka',
    accounts: path.join(BERKA, 'accounts.csv'),
    payments: path.join(BERKA, 'payments.csv'),
    paymentCount: lines('payments.csv').length,
    map: new Map([
      ['prague', 'eu-west'],
      ['bohemia', 'us-east'],
      ['moravia', 'ap-south'],
    ]),
    expected: new Map(
      lines('expected_balances.csv').map((line) => {
        const [account = '', debits = '', credits = ''] = line.split(',');
        return [account, { debits: BigInt(debits), credits: BigInt(credits) }];
      }),
    ),
  };
}

/** 300 accounts that may be overdrawn, 20,000 payments, the balances from adding them up. */
function madeUp(): PaymentFiles {
  const random = new Random(7);
  const regions = ['eu-west', 'us-east', 'ap-south'];
  const names = Array.from({ length: 300 }, (_, index) => `account-${index}`);
  const folder = mkdtempSync(path.join(tmpdir(), 'meridian-payments-'));
  const file = (name: string, lines: readonly string[]) => {
    const at = path.join(folder, name);
    writeFileSync(at, `${lines.join('\n')}\n`);
    return at;
  };
  const expected = new Map(names.map((name) => [name, { debits: 0n, credits: 0n }]));
  const payments = Array.from({ length: 20_000 }, (_, index) => {
    const from = random.below(names.length);
    const to = (from + 1 + random.below(names.length - 1)) % names.length;
    const [debit = '', credit = ''] = [names[from], names[to]];
    const amount = BigInt(1 + random.below(100_000));
    const payer = expected.get(debit) ?? { debits: 0n, credits: 0n };
    expected.set(debit, { ...payer, debits: payer.debits + amount });
    const payee = expected.get(credit) ?? { debits: 0n, credits: 0n };
    expected.set(credit, { ...payee, credits: payee.credits + amount });
    return `made-up-${index},2020-01-01,${debit},${credit},${amount},EUR,transfer`;
  });
  return {
    source: 'made up',
    accounts: file('accounts.csv', [
      'account,home_region,currency,may_overdraw',
      ...names.map((name, index) => `${name},${regions[index % 3] ?? ''},EUR,yes`),
    ]),
    payments: file('payments.csv', [
      'key,booked_on,debit_account,credit_account,amount_minor,currency,kind',
      ...payments,
    ]),
    paymentCount: payments.length,
    map: new Map(),
    expected,
  };
}
