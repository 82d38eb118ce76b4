import { mint, openAccounts, purse } from './accounts.ts';
import { amountUpTo, drawLevel, drawWeights, pickTwo } from './draw.ts';
import { readAccounts, readAsAuditor } from './reads.ts';
import { Requests } from './requests.ts';
import type { Workload } from './workload.ts';

export const longFork: Workload = {
  name: 'long-fork',
  place: 'L9',
  description:
    'writes to single accounts and reads several of them from two copies: two writes are seen in different orders',
  async prepare(setting) {
    const { random } = setting;
    const home = random.pick(setting.books);
    const names = setting.regions.map(({ name }) => name);
    const count = 3 + random.below(6);
    const weights = drawWeights(random, { write: 3, stale: 1, audit: 0.12 });
    const requests = new Requests(setting.namespace);
    // Each write has a source of its own, so that nothing else orders them.
    const opened = await openAccounts(setting, requests, [
      ...Array.from({ length: count }, () => purse(home, 0n)),
      ...Array.from({ length: count }, () => mint(home)),
    ]);
    const accounts = opened.slice(0, count);
    const sources = opened.slice(count);
    return {
      options: { book: home.name, count, weights },
      async step(caller, by) {
        const kind = by.weighted(weights);
        if (kind === 'write') {
          const index = by.below(count);
          const [source, account] = [sources[index], accounts[index]];
          if (source === undefined || account === undefined) return;
          await caller.transfer(requests.pay(source, account, amountUpTo(by, 9)));
          return;
        }
        const [here, there] = names.length > 1 ? pickTwo(by, names) : [caller.via, caller.via];
        for (const via of [here, there]) {
          if (kind === 'audit') await readAsAuditor(caller.at(via), [home.number]);
          else {
            const level = by.chance(0.85) ? 'stale' : drawLevel(by);
            await readAccounts(caller.at(via), accounts, level);
          }
        }
      },
    };
  },
};
