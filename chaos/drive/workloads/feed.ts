import type { Caller } from '../client/caller.ts';
import type { Random } from '../../../ledger/core/random.ts';
import { mint, openAccounts } from './accounts.ts';
import type { OwnAccount } from './own-account.ts';
import { amountUpTo, pickTwo, wander } from './draw.ts';
import { readAccounts, versionRead } from './reads.ts';
import { Requests } from './requests.ts';
import type { Workload } from './workload.ts';

/** A consumer that follows a book, or one account, and resumes where it stopped. */
interface Consumer {
  /** Undefined: it follows the book. */
  readonly account: OwnAccount | undefined;
  readonly book: number;
  after: number;
  /** The newest event that is known to exist: the consumer waits for no later one. */
  newest: number;
  isBusy: boolean;
}

export const feed: Workload = {
  name: 'feed',
  place: 'L13',
  description:
    'follows books and accounts by subscriptions that break off and resume, through any router: an event is missing or delivered twice',
  async prepare(setting) {
    const { random } = setting;
    const names = setting.regions.map(({ name }) => name);
    const followed = setting.books.filter(() => random.chance(0.6));
    const pageMost = random.pick([5, 25, 100]);
    const writesMost = 1 + random.below(4);
    const requests = new Requests(setting.namespace);
    const accounts = await openAccounts(
      setting,
      requests,
      setting.books.flatMap((book) => [mint(book), mint(book)]),
    );
    const consumers = [
      ...followed.map(({ number }) => follow(number, undefined)),
      ...accounts.slice(0, 1 + random.below(accounts.length)).map((one) => follow(one.book, one)),
    ];
    const ofBook = new Map(
      consumers.filter(({ account }) => account === undefined).map((one) => [one.book, one]),
    );

    const write = async (caller: Caller, by: Random, payer: OwnAccount) => {
      const [one, other] = pickTwo(by, accounts);
      const result = await caller.transfer(
        requests.pay(payer, one === payer ? other : one, amountUpTo(by, 9)),
      );
      if (result.type !== 'ok') return;
      noteWritten(ofBook, result.reply.position);
    };
    const consume = async (caller: Caller, by: Random, consumer: Consumer) => {
      const { account, book } = consumer;
      for (let left = 1 + by.below(writesMost); left > 0; left -= 1) {
        await write(caller, by, account ?? by.pick(accounts));
      }
      if (account !== undefined) {
        const version = versionRead(await readAccounts(caller, [account], 'leader'));
        consumer.newest = Math.max(consumer.newest, version ?? 0);
      }
      const most = Math.min(pageMost, consumer.newest - consumer.after);
      if (most <= 0) return;
      const asked = { book, account: String(account?.id ?? ''), after: consumer.after };
      const result = await wander(caller, by, names).page(asked, most);
      if (result.type !== 'ok') return;
      const last = result.reply.events.at(-1);
      if (last === undefined) return;
      consumer.after =
        account === undefined ? last.seq : (versionIn(last, account) ?? consumer.after);
    };
    return {
      options: {
        books: followed.map(({ number }) => number),
        consumers: consumers.length,
        pageMost,
        writesMost,
      },
      async step(caller, by) {
        const idle = consumers.filter(({ isBusy }) => !isBusy);
        if (idle.length === 0) {
          await write(caller, by, by.pick(accounts));
          return;
        }
        const consumer = by.pick(idle);
        consumer.isBusy = true;
        try {
          await consume(caller, by, consumer);
        } finally {
          consumer.isBusy = false;
        }
      },
    };
  },
};

/** Records a new event for the consumer of a book. */
function noteWritten(
  ofBook: ReadonlyMap<number, Consumer>,
  { book, seq }: { readonly book: number; readonly seq: number },
): void {
  const consumer = ofBook.get(book);
  if (consumer === undefined) return;
  // On books with older rows a run begins with its own.
  if (consumer.newest === 0) consumer.after = seq - 1;
  consumer.newest = Math.max(consumer.newest, seq);
}

function follow(book: number, account: OwnAccount | undefined): Consumer {
  return { account, book, after: 0, newest: 0, isBusy: false };
}

type Sides = {
  readonly debit: { readonly account: string; readonly version: number } | null;
  readonly credit: { readonly account: string; readonly version: number } | null;
};

/** Returns the version that an event gave the account. */
function versionIn({ debit, credit }: Sides, { id }: OwnAccount): number | undefined {
  return [debit, credit].find((state) => state?.account === String(id))?.version;
}
