import { randomUUID } from 'node:crypto';
import { amountUpTo, drawLevel, drawWeights, pickTwo } from './draw.ts';
import { openAccounts, purse } from './accounts.ts';
import { readAccounts, readAsAuditor } from './reads.ts';
import { Requests } from './requests.ts';
import type { Workload } from './workload.ts';

export const bank: Workload = {
  name: 'bank',
  place: 'L1',
  description:
    'moves money at random between the accounts of one book and reads all of them: money appears or vanishes',
  async prepare(setting) {
    const { random } = setting;
    const home = random.pick(setting.books);
    const count = 4 + random.below(9);
    const money = random.pick([10, 100, 10_000]);
    const most = random.pick([5, 50, 5_000]);
    const weights = drawWeights(random, { pay: 3, read: 1, audit: 0.12 });
    const requests = new Requests(setting.namespace);
    const wishes = Array.from({ length: count }, () => purse(home, BigInt(money)));
    const accounts = await openAccounts(setting, requests, wishes);
    return {
      options: { book: home.name, count, money, most, weights },
      async step(caller, by) {
        const kind = by.weighted(weights);
        if (kind === 'read') await readAccounts(caller, accounts, drawLevel(by));
        else if (kind === 'audit') await readAsAuditor(caller, [home.number]);
        else {
          const [payer, payee] = pickTwo(by, accounts);
          const amount = amountUpTo(by, most);
          const request = by.chance(0.5)
            ? requests.payPlainly(payer, payee, amount, randomUUID())
            : requests.pay(payer, payee, amount);
          await caller.transfer(request);
        }
      },
    };
  },
};
