import type { Caller } from '../client/caller.ts';
import type { Position } from '../../judge/history/operation.ts';
import type { Random } from '../../../ledger/core/random.ts';
import { mint, openAccounts } from './accounts.ts';
import type { OwnAccount } from './own-account.ts';
import { amountUpTo, drawLevel, drawRegions, drawWeights, pickTwo, wander } from './draw.ts';
import { Recent } from './recent.ts';
import { Requests } from './requests.ts';
import type { Workload } from './workload.ts';

interface Added {
  readonly book: number;
  readonly transferId: string;
  /** Null: unknown whether it was added. */
  readonly position: Position | null;
}

export const set: Workload = {
  name: 'set',
  place: 'L7',
  description:
    'adds unique transfers and looks them up at once and later, by every router: an acknowledged one is missing',
  async prepare(setting) {
    const { random } = setting;
    const names = setting.regions.map(({ name }) => name);
    const count = 3 + random.below(6);
    const memory = random.pick([10, 100, 1_000]);
    const weights = drawWeights(random, { add: 3, lookUp: 2, never: 0.25 });
    const requests = new Requests(setting.namespace);
    const regions = drawRegions(setting, count);
    const accounts = await openAccounts(setting, requests, regions.map(mint));
    const added = new Recent<Added>(memory);

    const lookUp = async (caller: Caller, by: Random, what: Added) => {
      const { book, transferId, position } = what;
      const level = drawLevel(by);
      // A copy may be behind this position, unless the read requires it.
      const minPosition = level === 'stale' || by.chance(0.3) ? position : null;
      await wander(caller, by, names).lookUp({ book, transferId, level, minPosition });
    };
    const add = async (caller: Caller, by: Random) => {
      const [payer, payee] = pickTwo<OwnAccount>(by, accounts);
      const request = requests.pay(payer, payee, amountUpTo(by, 100));
      const result = await caller.transfer(request);
      if (result.type === 'fail') return;
      const position = result.type === 'ok' ? result.reply.position : null;
      const one = { book: payer.book, transferId: requests.idOf(request), position };
      added.add(one);
      if (by.chance(0.3)) await lookUp(caller, by, one);
    };
    return {
      options: { regions, memory, weights },
      async step(caller, by) {
        const kind = by.weighted(weights);
        const known = added.pick(by);
        if (kind === 'never') {
          const { book } = by.pick(accounts);
          const transferId = requests.idOf({ idempotencyKey: `never ${by.below(1e9)}` });
          await lookUp(caller, by, { book, transferId, position: null });
        } else if (kind === 'lookUp' && known !== undefined) await lookUp(caller, by, known);
        else await add(caller, by);
      },
    };
  },
};
