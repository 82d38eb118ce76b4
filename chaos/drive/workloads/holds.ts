import { Wait } from '../../../proto/gen/meridian/v1/transfer.ts';
import type { Caller } from '../client/caller.ts';
import type { Random } from '../../../ledger/core/random.ts';
import { openAccounts, purse } from './accounts.ts';
import { amountUpTo, drawLevel, drawRegions, drawWeights, pickTwo } from './draw.ts';
import { readAccounts } from './reads.ts';
import { Recent } from './recent.ts';
import { type UsableHold, Requests } from './requests.ts';
import type { Workload } from './workload.ts';

export const holds: Workload = {
  name: 'holds',
  place: 'L11',
  description:
    'makes holds that expire after seconds, and captures them in part, in full, again and too late, or releases them: money is freed early, twice or never',
  async prepare(setting) {
    const { random } = setting;
    const count = 4 + random.below(5);
    const most = random.pick([20, 500]);
    const secondsMost = 1 + random.below(6);
    const memory = random.pick([5, 50, 300]);
    const weights = drawWeights(random, {
      hold: 3,
      part: 2,
      rest: 1,
      final: 0.7,
      late: 1,
      release: 1,
      lookUp: 1,
      read: 0.5,
    });
    const requests = new Requests(setting.namespace);
    const regions = drawRegions(setting, count);
    const accounts = await openAccounts(
      setting,
      requests,
      regions.map((region) => purse(region, 50_000n)),
    );
    const made = new Recent<UsableHold>(memory);
    // Large enough that most of them have expired by the time they are picked.
    const older = new Recent<UsableHold>(500);

    const hold = async (caller: Caller, by: Random) => {
      const [payer, payee] = pickTwo(by, accounts);
      const amount = amountUpTo(by, most);
      const timeoutSeconds = by.chance(0.1) ? 0 : 1 + by.below(secondsMost);
      const result = await caller.transfer(requests.hold(payer, payee, amount, { timeoutSeconds }));
      if (result.type !== 'ok' || result.reply.status !== 'HELD') return;
      const one = { id: result.reply.transferId, payer, payee, amount };
      made.add(one);
      older.add(one);
    };
    const draw = (
      kind: keyof typeof weights | undefined,
      caller: Caller,
      by: Random,
      one: UsableHold,
    ) => {
      if (kind === 'release') return caller.transfer(requests.release(one));
      const part = kind === 'rest' ? 0n : amountUpTo(by, Number(one.amount));
      // A hold does not depend on the payee's book.
      const request = { ...requests.capture(one, part, kind === 'final'), wait: Wait.POSTED };
      return caller.transfer(request);
    };
    return {
      options: { regions, most, secondsMost, memory, weights },
      async step(caller, by) {
        const kind = by.weighted(weights);
        const one = (kind === 'late' ? older : made).pick(by);
        if (kind === 'read') await readAccounts(caller, accounts, drawLevel(by));
        else if (kind === 'hold' || one === undefined) await hold(caller, by);
        else if (kind === 'lookUp') {
          const level = drawLevel(by);
          const asked = { book: one.payer.book, transferId: one.id, level, minPosition: null };
          await caller.lookUp(asked);
        } else await draw(kind, caller, by, one);
      },
    };
  },
};
