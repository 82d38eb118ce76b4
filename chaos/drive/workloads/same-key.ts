import { setTimeout as sleep } from 'node:timers/promises';
import type { Caller } from '../client/caller.ts';
import type { Random } from '../../../ledger/core/random.ts';
import { openAccounts, purse } from './accounts.ts';
import type { OwnAccount } from './own-account.ts';
import { amountUpTo, drawLevel, drawWeights, pickTwo } from './draw.ts';
import { readAccounts } from './reads.ts';
import { Recent } from './recent.ts';
import { Requests, type DrawnFields } from './requests.ts';
import type { Workload } from './workload.ts';

/** A request that several clients send. */
interface Shared {
  readonly fields: DrawnFields;
  readonly book: number;
}

/** A request that clients gather for, so that they send it at the same moment. */
interface Gathering extends Shared {
  readonly begins: Promise<void>;
}

const GATHER_MS = 30;

export const sameKey: Workload = {
  name: 'same-key',
  place: 'L4',
  description:
    'sends one key from several clients, routers and regions at once and again later, often with another body: a key has two outcomes',
  async prepare(setting) {
    const { random } = setting;
    const regions = setting.regions.map(({ name }) => name);
    const each = 2 + random.below(3);
    const money = random.pick([50, 5_000]);
    const alteredShare = Number(random.between(0.2, 0.7).toFixed(2));
    const weights = drawWeights(random, { together: 3, again: 2, lookUp: 0.5, read: 0.5 });
    const requests = new Requests(setting.namespace);
    const wishes = regions.flatMap((region) =>
      Array.from({ length: each }, () => purse(region, BigInt(money))),
    );
    const accounts = await openAccounts(setting, requests, wishes);
    const known = new Recent<Shared>(200);
    let gathering: Gathering | undefined;

    const gather = (by: Random): Gathering => {
      if (gathering !== undefined) return gathering;
      const [payer, payee] = pickTwo(by, accounts);
      // A refusal binds its key permanently, too.
      const amount = amountUpTo(by, by.chance(0.3) ? money * 10 : 20);
      const fields = requests.pay(payer, payee, amount, { reference: 'the first body' });
      const made = { fields, book: payer.book, begins: sleep(GATHER_MS) };
      gathering = made;
      known.add(made);
      return made;
    };
    const send = (caller: Caller, by: Random, { fields, book }: Shared) => {
      const isAltered = by.chance(alteredShare);
      const body = isAltered ? altered(fields, book, accounts, by) : fields;
      return caller.at(by.pick(regions)).transfer(body);
    };
    return {
      options: { each, money, alteredShare, weights },
      async step(caller, by) {
        const kind = by.weighted(weights);
        if (kind === 'together') {
          const shared = gather(by);
          await shared.begins;
          // Clients that come later gather for another one.
          if (gathering === shared) gathering = undefined;
          await send(caller, by, shared);
          // A client that is not sure, or never got an answer, asks again at once.
          if (by.chance(0.3)) await send(caller, by, shared);
          return;
        }
        const shared = known.pick(by);
        if (kind === 'read' || shared === undefined) {
          await readAccounts(caller, accounts, drawLevel(by));
        } else if (kind === 'lookUp') {
          const transferId = requests.idOf(shared.fields);
          const level = drawLevel(by);
          await caller.lookUp({ book: shared.book, transferId, level, minPosition: null });
        } else await send(caller, by, shared);
      },
    };
  },
};

/** The same key with another body; its payer is in the same book, which holds the key. */
function altered(
  fields: DrawnFields,
  book: number,
  accounts: readonly OwnAccount[],
  by: Random,
): DrawnFields {
  const { amount = 0n, debitAccountId, creditAccountId } = fields;
  const isOther = ({ id }: OwnAccount) => id !== debitAccountId && id !== creditAccountId;
  const others = accounts.filter(isOther);
  const payers = others.filter((account) => account.book === book);
  const kind = by.pick(['amount', 'payee', 'payer', 'code', 'reference', 'metadata', 'hold']);
  if (kind === 'payee') return { ...fields, creditAccountId: by.pick(others).id };
  if (kind === 'payer' && payers.length > 0)
    return { ...fields, debitAccountId: by.pick(payers).id };
  if (kind === 'code') return { ...fields, code: 1 + by.below(3) };
  if (kind === 'reference') return { ...fields, reference: 'another body' };
  if (kind === 'metadata') return { ...fields, metadata: { order: String(by.below(3)) } };
  if (kind === 'hold') {
    return { ...fields, action: { $case: 'hold', value: { timeoutSeconds: 1 + by.below(4) } } };
  }
  return { ...fields, amount: amount + 1n };
}
