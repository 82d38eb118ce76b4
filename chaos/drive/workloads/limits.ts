import { UpTo } from '../../../proto/gen/meridian/v1/movement.ts';
import type { Caller } from '../client/caller.ts';
import type { Random } from '../../../ledger/core/random.ts';
import { mint, openAccounts, purse } from './accounts.ts';
import { amountUpTo, drawLevel, drawWeights } from './draw.ts';
import { readAccounts } from './reads.ts';
import { Recent } from './recent.ts';
import { type UsableHold, Requests } from './requests.ts';
import type { Workload } from './workload.ts';

export const limits: Workload = {
  name: 'limits',
  place: 'L3',
  description:
    'lets many clients race for the last units of a few accounts, by debits, holds and captures: a limit is exceeded',
  async prepare(setting) {
    const { random } = setting;
    const home = random.pick(setting.books);
    const count = 1 + random.below(3);
    const floor = random.pick([0, -20]);
    const room = random.pick([30, 200]);
    const most = random.pick([3, 15]);
    const weights = drawWeights(random, {
      debit: 4,
      upTo: 1,
      hold: 2,
      capture: 1,
      release: 0.7,
      refill: 1,
      read: 0.7,
    });
    const requests = new Requests(setting.namespace);
    const scarce = Array.from({ length: count }, () => ({
      ...purse(home, BigInt(room / 2)),
      minBalance: BigInt(floor),
      maxBalance: BigInt(room),
    }));
    const [source, sink, tight, ...few] = await openAccounts(setting, requests, [
      mint(home),
      mint(home),
      { ...purse(home, 0n), minBalance: undefined, maxBalance: BigInt(room) },
      ...scarce,
    ]);
    if (source === undefined || sink === undefined || tight === undefined) {
      throw new RangeError('the first three are there');
    }
    const holds = new Recent<UsableHold>(20);

    const act = async (kind: keyof typeof weights | undefined, caller: Caller, by: Random) => {
      const account = by.pick(few);
      const amount = amountUpTo(by, most);
      const open = holds.pick(by);
      if (kind === 'capture' && open !== undefined) {
        const part = by.chance(0.5) ? 0n : amountUpTo(by, Number(open.amount));
        await caller.transfer(requests.capture(open, part, by.chance(0.3)));
      } else if (kind === 'release' && open !== undefined) {
        await caller.transfer(requests.release(open));
      } else if (kind === 'hold') {
        const payee = by.chance(0.5) ? tight : sink;
        const timing = { timeoutSeconds: by.chance(0.3) ? 0 : 1 + by.below(6) };
        const result = await caller.transfer(requests.hold(account, payee, amount, timing));
        if (result.type !== 'ok' || result.reply.status !== 'HELD') return;
        holds.add({ id: result.reply.transferId, payer: account, payee, amount });
      } else if (kind === 'upTo') {
        // All that is left: the last unit goes at once.
        const upTo = by.pick([UpTo.DEBIT_AVAILABLE, UpTo.CREDIT_ROOM, UpTo.BOTH]);
        await caller.transfer(requests.pay(account, tight, BigInt(room), { upTo }));
      } else if (kind === 'refill') {
        const upTo = by.chance(0.5) ? UpTo.CREDIT_ROOM : UpTo.UNSPECIFIED;
        await caller.transfer(requests.pay(source, account, amount, { upTo }));
        if (by.chance(0.3)) await caller.transfer(requests.pay(tight, sink, amount));
      } else if (kind === 'read') await readAccounts(caller, [tight, ...few], drawLevel(by));
      else await caller.transfer(requests.pay(account, by.chance(0.3) ? tight : sink, amount));
    };
    return {
      options: { book: home.name, count, floor, room, most, weights },
      step: (caller, by) => act(by.weighted(weights), caller, by),
    };
  },
};
