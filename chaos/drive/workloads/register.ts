import { type ChangeAccountRequest, Freeze } from '../../../proto/gen/meridian/v1/account.ts';
import type { Random } from '../../../ledger/core/random.ts';
import { openAccounts, purse } from './accounts.ts';
import { amountUpTo, drawLevel, drawRegions, drawWeights, pickTwo } from './draw.ts';
import { readAccounts, versionRead } from './reads.ts';
import { Requests } from './requests.ts';
import type { Workload } from './workload.ts';

export const register: Workload = {
  name: 'register',
  place: 'L5',
  description:
    'reads and changes limits, freezes and metadata of accounts, only from the version that was read, while they pay and are paid: a change is lost or was never made',
  async prepare(setting) {
    const { random } = setting;
    const count = 3 + random.below(4);
    const money = 1_000;
    const casShare = Number(random.between(0.4, 1).toFixed(2));
    const weights = drawWeights(random, { change: 3, read: 2, pay: 1.5, close: 0.4 });
    const requests = new Requests(setting.namespace);
    const regions = drawRegions(setting, count);
    const home = regions[0] ?? random.pick(setting.regions).name;
    const [empty, ...accounts] = await openAccounts(setting, requests, [
      purse(home, 0n),
      purse(home, BigInt(money)),
      ...regions.map((region) => purse(region, BigInt(money))),
    ]);
    if (empty === undefined) throw new Error('there is one to close');
    return {
      options: { regions, money, casShare, weights },
      async step(caller, by) {
        const kind = by.weighted(weights);
        if (kind === 'pay') {
          const [payer, payee] = pickTwo(by, accounts);
          await caller.transfer(requests.pay(payer, payee, amountUpTo(by, money)));
          return;
        }
        if (kind === 'close') {
          const close = { $case: 'close', value: {} } as const;
          const reopen = { $case: 'reopen', value: {} } as const;
          await caller.change(requests.change(empty, by.chance(0.5) ? close : reopen));
          // Neither pays the other while it is closed, nor leaves a balance in it for long.
          if (by.chance(0.3)) await caller.transfer(requests.pay(by.pick(accounts), empty, 1n));
          if (by.chance(0.6)) await caller.transfer(requests.pay(empty, by.pick(accounts), 1n));
          return;
        }
        const account = by.pick(accounts);
        const level = by.chance(0.7) ? 'linearizable' : drawLevel(by);
        const version = versionRead(await readAccounts(caller, [account], level));
        if (kind === 'read' || version === undefined) return;
        const expected = by.chance(casShare) ? BigInt(version) : undefined;
        await caller.change(requests.change(account, drawChange(by, money), expected));
      },
    };
  },
};

function drawChange(by: Random, money: number): ChangeAccountRequest['change'] {
  switch (by.weighted({ limits: 1, freeze: 1, metadata: 1 })) {
    case 'limits': {
      const minBalance = by.chance(0.2) ? undefined : BigInt(by.below(money) - money);
      const maxBalance = by.chance(0.5) ? undefined : BigInt(money * (1 + by.below(4)));
      return { $case: 'limits', value: { minBalance, maxBalance } };
    }
    case 'freeze': {
      // Mostly thawed, or no account could pay any more.
      const { NONE, IN, OUT, BOTH } = Freeze;
      return { $case: 'freeze', value: by.pick([NONE, NONE, NONE, IN, OUT, BOTH]) };
    }
    case 'metadata':
    case undefined:
      return { $case: 'metadata', value: { metadata: { value: String(by.below(1_000)) } } };
  }
}
