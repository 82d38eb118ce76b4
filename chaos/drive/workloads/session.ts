import type { Caller } from '../client/caller.ts';
import type { Position } from '../../judge/history/operation.ts';
import type { Random } from '../../../ledger/core/random.ts';
import { openAccounts, purse } from './accounts.ts';
import type { OwnAccount } from './own-account.ts';
import { amountUpTo, drawLevel, drawRegions, drawWeights, pickTwo } from './draw.ts';
import { readAccounts } from './reads.ts';
import { Requests } from './requests.ts';
import type { Workload } from './workload.ts';

export const session: Workload = {
  name: 'session',
  place: 'L10',
  description:
    'writes, then reads by another router and at another level with the position of the answer: a client does not see its own writes',
  async prepare(setting) {
    const { random } = setting;
    const names = setting.regions.map(({ name }) => name);
    const count = 3 + random.below(5);
    const readsMost = 1 + random.below(3);
    const weights = drawWeights(random, { balances: 3, lookUp: 1, statement: 0.5 });
    const requests = new Requests(setting.namespace);
    const regions = drawRegions(setting, count);
    const accounts = await openAccounts(
      setting,
      requests,
      regions.map((region) => purse(region, 1_000_000n)),
    );
    const lastDecided = new Map<OwnAccount, number>();

    /** Returns the position of the read: the next one must not be older. */
    const read = async (
      caller: Caller,
      by: Random,
      account: OwnAccount,
      transferId: string,
      minPosition: Position,
    ): Promise<Position> => {
      const via = caller.at(by.pick(names));
      const level = drawLevel(by);
      const asked = { level, minPosition };
      const kind = by.weighted(weights);
      if (kind === 'lookUp') {
        const result = await via.lookUp({ ...asked, book: account.book, transferId });
        return result.type === 'ok' ? result.reply.position : minPosition;
      }
      if (kind === 'statement') {
        // The whole statement would grow with the run; the entries since the write are enough.
        const result = await via.statement({
          ...asked,
          account: String(account.id),
          fromMicros: lastDecided.get(account) ?? 0,
        });
        return result.type === 'ok' ? result.reply.position : minPosition;
      }
      const result = await readAccounts(via, [account], level, minPosition);
      const [book] = result.type === 'ok' ? result.reply : [];
      return book?.position ?? minPosition;
    };
    return {
      options: { regions, readsMost, weights },
      async step(caller, by) {
        const [payer, payee] = pickTwo(by, accounts);
        const request = requests.pay(payer, payee, amountUpTo(by, 50));
        const result = await caller.at(by.pick(names)).transfer(request);
        if (result.type !== 'ok') return;
        const { transferId, decidedAtMicros } = result.reply;
        lastDecided.set(payer, decidedAtMicros);
        let { position } = result.reply;
        for (let left = 1 + by.below(readsMost); left > 0; left -= 1) {
          position = await read(caller, by, payer, transferId, position);
        }
      },
    };
  },
};
