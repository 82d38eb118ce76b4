import { Random } from '../../../ledger/core/random.ts';

/**
 * The built-in workload: accounts, payments and the outcome that each of them must have. It is the
 * same on every machine, and the outcome of a payment does not depend on the order in which
 * payments reach the ledger: every payer is funded with all that it will ever pay, and an
 * overdraft asks for more than its payer could own if every credit had come first.
 */

/** Keeps the keys apart from any other caller's. Grows when the workload is changed. */
export const SAMPLE_NAMESPACE = 'sample-2';

const SEED = 20_261_121;
const ASSETS = ['EUR', 'USD'];
const MERCHANTS_PER_ASSET = 5;
const CUSTOMERS_PER_ASSET = 195;
const PAYMENTS = 20_000;
/** More than the earlier workloads can have left on an account of this one. */
const LEFT_BEFORE = 1_000_000_000_000n;
const CROSS_REGION_SHARE = 0.16;
const OVERDRAFTS = 300;
const TO_CAPPED = 120;
/** Share of the payments that a region sends through another region's router. */
const OTHER_ROUTER_SHARE = 0.2;
/** Payments at the end that get a call of their own. */
const SINGLES = 800;
const TWINS = 200;
const REPEATS = 300;
const REUSES = 120;

export interface SampleAccount {
  readonly externalId: string;
  readonly region: string;
  readonly asset: string;
  /** A treasury may be overdrawn without limit; a capped account takes nothing above 100. */
  readonly role: 'treasury' | 'merchant' | 'customer' | 'capped';
}

/** `rejected` and `returned` each have one possible reason, given in `reason`. */
export type ExpectedStatus =
  | { readonly status: 'posted' }
  | { readonly status: 'rejected'; readonly reason: 'INSUFFICIENT_FUNDS' | 'MAX_BALANCE_EXCEEDED' }
  | { readonly status: 'returned'; readonly reason: 'MAX_BALANCE_EXCEEDED' };

export interface SamplePayment {
  readonly key: string;
  readonly payer: SampleAccount;
  readonly payee: SampleAccount;
  readonly amountMinor: bigint;
  readonly reference: string;
  /** Region whose router it is sent through. */
  readonly via: string;
  readonly expected: ExpectedStatus;
}

/** A second request with the key of a payment. */
export interface SampleRepeat {
  readonly payment: SamplePayment;
  readonly via: string;
  /** What is different in it; '' if nothing is. Named as in the proto. */
  readonly differingField: '' | 'amount' | 'credit_account_id' | 'reference';
  /** Payee of this request. */
  readonly payee: SampleAccount;
}

export interface SampleWorkload {
  readonly accounts: readonly SampleAccount[];
  /** Must all be decided before `payments` begin. */
  readonly funding: readonly SamplePayment[];
  readonly payments: readonly SamplePayment[];
  /** To be sent one in a call. */
  readonly singles: readonly SamplePayment[];
  /** Equal requests to be sent at the same time as the payment itself, elsewhere. */
  readonly twins: readonly SampleRepeat[];
  /** To be sent once every payment is decided. */
  readonly repeats: readonly SampleRepeat[];
}

interface Draft {
  readonly payer: SampleAccount;
  readonly payee: SampleAccount;
  amountMinor: bigint;
  readonly kind: 'purchase' | 'transfer' | 'salary' | 'overdraft' | 'to-capped';
}

/** Makes the workload for these regions. The same names give the same workload. */
export function sampleWorkload(regions: readonly string[]): SampleWorkload {
  const random = new Random(SEED);
  const accounts = regions.flatMap((region) => ASSETS.flatMap((asset) => cast(region, asset)));
  const customers = accounts.filter((account) => account.role === 'customer');
  const drafts = draftPayments(random, accounts, PAYMENTS - customers.length);
  const { paidOut, paidIn } = totals(drafts);

  const funding = customers.map((customer, index): SamplePayment => {
    const amountMinor = (paidOut.get(customer) ?? 0n) + BigInt(1_000 + random.below(100_000));
    paidIn.set(customer, (paidIn.get(customer) ?? 0n) + amountMinor);
    return {
      key: `funding-${pad(index)}`,
      payer: treasuryOf(accounts, customer),
      payee: customer,
      amountMinor,
      reference: 'funding',
      via: customer.region,
      expected: { status: 'posted' },
    };
  });
  const payments = drafts.map((draft, index): SamplePayment => {
    if (draft.kind === 'overdraft') {
      // More than every credit of the whole run together, so it fails whenever it comes.
      const credits = LEFT_BEFORE + (paidIn.get(draft.payer) ?? 0n);
      draft.amountMinor = credits + 1n + BigInt(random.below(50_000));
    }
    return {
      key: `payment-${pad(index)}`,
      payer: draft.payer,
      payee: draft.payee,
      amountMinor: draft.amountMinor,
      reference: draft.kind,
      via: viaOf(random, regions, draft.payer.region, OTHER_ROUTER_SHARE),
      expected: expectedOf(draft),
    };
  });
  const second = secondRequests(random, regions, accounts, payments);
  const batched = payments.length - SINGLES;
  return {
    accounts,
    funding,
    payments: payments.slice(0, batched),
    singles: payments.slice(batched),
    ...second,
  };
}

function cast(region: string, asset: string): SampleAccount[] {
  const name = (role: string) => `sample.${region}.${asset}.${role}`;
  const account = (role: SampleAccount['role'], externalId: string): SampleAccount => ({
    externalId,
    region,
    asset,
    role,
  });
  return [
    account('treasury', name('treasury')),
    account('capped', name('capped')),
    ...numbered(MERCHANTS_PER_ASSET).map((n) => account('merchant', name(`merchant-${n}`))),
    ...numbered(CUSTOMERS_PER_ASSET).map((n) => account('customer', name(`customer-${n}`))),
  ];
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, index) => String(index + 1).padStart(3, '0'));
}

function pad(index: number): string {
  return String(index + 1).padStart(5, '0');
}

/** Payments after the funding, those that must fail in even steps among the others. */
function draftPayments(random: Random, accounts: readonly SampleAccount[], count: number): Draft[] {
  const byRole = groupAccounts(accounts);
  const customers = accounts.filter((account) => account.role === 'customer');
  const pool = (role: SampleAccount['role'], near: SampleAccount, share = CROSS_REGION_SHARE) => {
    const away = random.chance(share);
    const found = byRole.get(`${role} ${near.asset}`) ?? [];
    return found.filter((account) => (account.region !== near.region) === away);
  };
  const overdraftEvery = Math.floor(count / OVERDRAFTS);
  const cappedEvery = Math.floor(count / TO_CAPPED);
  return Array.from({ length: count }, (_, index): Draft => {
    const customer = random.pick(customers);
    const small = BigInt(101 + random.below(9_900));
    if (index % overdraftEvery === 7 && index < overdraftEvery * OVERDRAFTS) {
      const payee = random.pick(pool('merchant', customer));
      return { payer: customer, payee, amountMinor: 0n, kind: 'overdraft' };
    }
    if (index % cappedEvery === 11 && index < cappedEvery * TO_CAPPED) {
      const payee = random.pick(pool('capped', customer, 0.5));
      return { payer: customer, payee, amountMinor: small, kind: 'to-capped' };
    }
    const kind = random.below(100);
    if (kind < 5) {
      const payer = treasuryOf(accounts, customer);
      return { payer, payee: customer, amountMinor: small * 20n, kind: 'salary' };
    }
    if (kind < 30) {
      const others = pool('customer', customer).filter((other) => other !== customer);
      return { payer: customer, payee: random.pick(others), amountMinor: small, kind: 'transfer' };
    }
    // Half of all purchases go to the first merchant of a region: a hot account.
    const merchants = pool('merchant', customer);
    const hot = merchants.filter(({ externalId }) => externalId.endsWith('-001'));
    const payee = random.pick(random.chance(0.5) ? hot : merchants);
    return { payer: customer, payee, amountMinor: small, kind: 'purchase' };
  });
}

function groupAccounts(accounts: readonly SampleAccount[]): Map<string, SampleAccount[]> {
  const groups = new Map<string, SampleAccount[]>();
  for (const account of accounts) {
    const name = `${account.role} ${account.asset}`;
    const group = groups.get(name);
    if (group) group.push(account);
    else groups.set(name, [account]);
  }
  return groups;
}

function treasuryOf(accounts: readonly SampleAccount[], near: SampleAccount): SampleAccount {
  const found = accounts.find(
    ({ role, region, asset }) =>
      role === 'treasury' && region === near.region && asset === near.asset,
  );
  if (!found) throw new Error(`${near.region} has no treasury for ${near.asset}`);
  return found;
}

function totals(drafts: readonly Draft[]) {
  const paidOut = new Map<SampleAccount, bigint>();
  const paidIn = new Map<SampleAccount, bigint>();
  for (const { payer, payee, amountMinor } of drafts) {
    // What a capped account sends back was paid out first, so it counts as paid out only.
    paidOut.set(payer, (paidOut.get(payer) ?? 0n) + amountMinor);
    paidIn.set(payee, (paidIn.get(payee) ?? 0n) + amountMinor);
  }
  return { paidOut, paidIn };
}

function viaOf(random: Random, regions: readonly string[], home: string, share: number): string {
  const others = regions.filter((region) => region !== home);
  return others.length > 0 && random.chance(share) ? random.pick(others) : home;
}

function expectedOf({ kind, payer, payee }: Draft): ExpectedStatus {
  if (kind === 'overdraft') return { status: 'rejected', reason: 'INSUFFICIENT_FUNDS' };
  if (kind !== 'to-capped') return { status: 'posted' };
  // The payer's book refuses what it can see; what only the payee's book sees is returned.
  const status = payer.region === payee.region ? 'rejected' : 'returned';
  return { status, reason: 'MAX_BALANCE_EXCEEDED' };
}

/** Requests with keys that other requests have: equal ones and different ones. */
function secondRequests(
  random: Random,
  regions: readonly string[],
  accounts: readonly SampleAccount[],
  payments: readonly SamplePayment[],
): { twins: SampleRepeat[]; repeats: SampleRepeat[] } {
  const fields = ['amount', 'credit_account_id', 'reference'] as const;
  const every = Math.floor(payments.length / (TWINS + REPEATS + REUSES));
  const twins: SampleRepeat[] = [];
  const repeats: SampleRepeat[] = [];
  for (let n = 0; n < TWINS + REPEATS + REUSES; n += 1) {
    const payment = payments[n * every];
    if (!payment) break;
    const same = { payment, payee: payment.payee, differingField: '' as const };
    if (n < TWINS) {
      twins.push({ ...same, via: viaOf(random, regions, payment.via, 1) });
    } else if (n < TWINS + REPEATS) {
      repeats.push({ ...same, via: viaOf(random, regions, payment.via, 0.5) });
    } else {
      const treasury = treasuryOf(accounts, payment.payee);
      const picked = random.pick(fields);
      // A salary's payer cannot be its own payee: that would be malformed, not reused.
      const differingField =
        picked === 'credit_account_id' && treasury === payment.payer ? 'amount' : picked;
      const payee = differingField === 'credit_account_id' ? treasury : payment.payee;
      repeats.push({ ...same, payee, differingField, via: payment.via });
    }
  }
  return { twins, repeats };
}
