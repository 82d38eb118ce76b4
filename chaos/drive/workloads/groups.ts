import { Leg } from '../../../proto/gen/meridian/v1/movement.ts';
import type { Caller } from '../client/caller.ts';
import type { Random } from '../../../ledger/core/random.ts';
import { mint, openAccounts, purse } from './accounts.ts';
import type { OwnAccount } from './own-account.ts';
import { amountUpTo, drawLevel, drawWeights, pickTwo } from './draw.ts';
import { readAccounts } from './reads.ts';
import { Recent } from './recent.ts';
import { Requests } from './requests.ts';
import type { Workload } from './workload.ts';

export const groups: Workload = {
  name: 'groups',
  place: 'L15',
  description:
    'posts groups of legs, of which one often must fail, also with payees in other books, and reads all their accounts: a group is applied in part',
  async prepare(setting) {
    const { random } = setting;
    const home = random.pick(setting.books);
    const count = 4 + random.below(5);
    const legsMost = random.pick([3, 6, 20]);
    const failShare = Number(random.between(0.2, 0.6).toFixed(2));
    const awayShare = random.pick([0, 0.2, 0.5]);
    const holdShare = random.pick([0, 0.1, 0.3]);
    const weights = drawWeights(random, { group: 3, read: 1.5, lookUp: 0.5, refill: 0.5 });
    const requests = new Requests(setting.namespace);
    const elsewhere = setting.books.filter((book) => book !== home);
    const [source, full, ...others] = await openAccounts(setting, requests, [
      mint(home),
      // It can receive nothing.
      { ...purse(home, 0n), maxBalance: 0n },
      ...elsewhere.map((book) => purse(book, 0n)),
      ...Array.from({ length: count }, () => purse(home, 500n)),
    ]);
    if (source === undefined || full === undefined) throw new Error('the first two are there');
    const away = others.slice(0, elsewhere.length);
    const accounts = others.slice(elsewhere.length);
    const asked = new Recent<string>(50);

    const leg = (payer: OwnAccount, payee: OwnAccount, by: Random, amount: bigint): Leg =>
      Leg.fromPartial({
        debitAccountId: payer.id,
        creditAccountId: payee.id,
        amount,
        code: by.below(3),
        ...(by.chance(holdShare)
          ? { action: { $case: 'hold', value: { timeoutSeconds: 1 + by.below(4) } } as const }
          : {}),
      });
    const legs = (by: Random): Leg[] => {
      const made = Array.from({ length: 1 + by.below(legsMost) }, () => {
        const [payer, payee] = pickTwo(by, accounts);
        const isAway = away.length > 0 && by.chance(awayShare);
        return leg(payer, isAway ? by.pick(away) : payee, by, amountUpTo(by, 20));
      });
      if (!by.chance(failShare)) return made;
      const payer = by.pick(accounts);
      const broken = by.chance(0.5) ? leg(payer, full, by, 1n) : leg(payer, source, by, 1_000_000n);
      return made.toSpliced(by.below(made.length + 1), 0, broken);
    };
    const ask = async (caller: Caller, by: Random) => {
      const action = { $case: 'group', value: { legs: legs(by) } } as const;
      const request = requests.named({ action });
      asked.add(requests.idOf(request));
      await caller.transfer(request);
    };
    return {
      options: { book: home.name, count, legsMost, failShare, awayShare, holdShare, weights },
      async step(caller, by) {
        const kind = by.weighted(weights);
        const transferId = asked.pick(by);
        if (kind === 'read') await readAccounts(caller, accounts, drawLevel(by));
        else if (kind === 'refill') {
          await caller.transfer(requests.pay(source, by.pick(accounts), amountUpTo(by, 200)));
        } else if (kind === 'lookUp' && transferId !== undefined) {
          const level = drawLevel(by);
          await caller.lookUp({ book: home.number, transferId, level, minPosition: null });
        } else await ask(caller, by);
      },
    };
  },
};
