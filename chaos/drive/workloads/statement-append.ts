import type { Caller } from '../client/caller.ts';
import type { Random } from '../../../ledger/core/random.ts';
import { mint, openAccounts } from './accounts.ts';
import type { OwnAccount } from './own-account.ts';
import { amountUpTo, drawLevel, drawRegions, drawWeights, pickTwo } from './draw.ts';
import { Requests } from './requests.ts';
import type { Workload } from './workload.ts';

/** A statement covers at most this number of answers, so that it stays short in a long run. */
const ANSWERS_BACK = 60;

export const statementAppend: Workload = {
  name: 'statement-append',
  place: 'L6',
  description:
    'appends to the statements of a few accounts and reads them: an entry is missing, duplicated or out of order',
  async prepare(setting) {
    const { random } = setting;
    const count = 3 + random.below(4);
    const readsBack = random.pick([5, 20, ANSWERS_BACK]);
    const weights = drawWeights(random, { append: 4, read: 1 });
    const requests = new Requests(setting.namespace);
    const regions = drawRegions(setting, count);
    const accounts = await openAccounts(setting, requests, regions.map(mint));
    /** When the newest answers were decided, by the clock of the account's book. */
    const times = new Map<OwnAccount, number[]>();

    const append = async (caller: Caller, by: Random) => {
      const [payer, payee] = pickTwo(by, accounts);
      const result = await caller.transfer(requests.pay(payer, payee, amountUpTo(by, 9)));
      if (result.type !== 'ok') return;
      const known = times.get(payer) ?? [];
      times.set(payer, known);
      known.push(result.reply.decidedAtMicros);
      if (known.length > readsBack) known.shift();
    };
    return {
      options: { regions, readsBack, weights },
      async step(caller, by) {
        if (by.weighted(weights) === 'append') {
          await append(caller, by);
          return;
        }
        const account = by.pick(accounts);
        const [fromMicros] = times.get(account) ?? [];
        const asked = { account: String(account.id), level: drawLevel(by), minPosition: null };
        await caller.statement(fromMicros === undefined ? asked : { ...asked, fromMicros });
      },
    };
  },
};
