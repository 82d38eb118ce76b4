import { Wait } from '../../../proto/gen/meridian/v1/transfer.ts';
import type { Caller } from '../client/caller.ts';
import type { Random } from '../../../ledger/core/random.ts';
import { openAccounts, purse } from './accounts.ts';
import type { OwnAccount } from './own-account.ts';
import { amountUpTo, drawLevel, drawWeights, pickTwo } from './draw.ts';
import { readAccounts, readAsAuditor } from './reads.ts';
import { Recent } from './recent.ts';
import { Requests } from './requests.ts';
import type { Workload } from './workload.ts';

interface Sent {
  readonly id: string;
  readonly payer: OwnAccount;
  readonly payee: OwnAccount;
}

export const bankAcross: Workload = {
  name: 'bank-across',
  place: 'L2',
  description:
    'moves money between accounts of different books, some of which refuse it, and reads cuts of all books: money in flight is counted twice, stuck or lost',
  async prepare(setting) {
    const { random } = setting;
    const books = setting.books.map(({ number }) => number);
    const each = 2 + random.below(3);
    const money = random.pick([100, 10_000]);
    const most = random.pick([20, 500]);
    const waitShare = Number(random.next().toFixed(2));
    const weights = drawWeights(random, { pay: 4, reverse: 0.5, read: 1, cut: 0.2 });
    const requests = new Requests(setting.namespace);
    const purses = setting.books.flatMap((book) =>
      Array.from({ length: each }, () => purse(book, BigInt(money))),
    );
    // Amounts above their limit are returned.
    const small = setting.books.map((book) => ({
      ...purse(book, 0n),
      maxBalance: BigInt(most),
    }));
    const accounts = await openAccounts(setting, requests, [...purses, ...small]);
    const sent = new Recent<Sent>(50);

    const pay = async (caller: Caller, by: Random) => {
      const payer = by.pick(accounts);
      const away = accounts.filter(({ book }) => book !== payer.book);
      // With one book there is no other.
      const payee = away.length > 0 ? by.pick(away) : pickTwo(by, accounts)[1];
      if (payee === payer) return;
      const wait = by.chance(waitShare) ? Wait.SETTLED : Wait.POSTED;
      const request = requests.pay(payer, payee, amountUpTo(by, most), { wait });
      const result = await caller.transfer(request);
      if (result.type !== 'ok' || result.reply.status === 'REJECTED') return;
      sent.add({ id: result.reply.transferId, payer, payee });
    };
    const reverse = async (caller: Caller, by: Random) => {
      const transfer = sent.pick(by);
      if (transfer === undefined) return;
      const { id, payer, payee } = transfer;
      const action = { $case: 'reversal', value: { transferId: id } } as const;
      const amount = by.chance(0.5) ? 0n : amountUpTo(by, most);
      const wait = by.chance(waitShare) ? Wait.SETTLED : Wait.POSTED;
      await caller.transfer(requests.pay(payee, payer, amount, { action, wait }));
    };
    return {
      options: { each, money, most, waitShare, weights },
      async step(caller, by) {
        const kind = by.weighted(weights);
        if (kind === 'reverse') await reverse(caller, by);
        else if (kind === 'read') await readAccounts(caller, accounts, drawLevel(by));
        else if (kind === 'cut') {
          await readAsAuditor(
            caller,
            books.toSorted(() => by.next() - 0.5),
          );
        } else await pay(caller, by);
      },
    };
  },
};
