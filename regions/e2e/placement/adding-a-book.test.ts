import { setImmediate as turn } from 'node:timers/promises';
import { Metadata, status } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { must } from '../../../ledger/core/assert.ts';
import { longerOf, type RegionBooks } from '../../../ledger/core/placement.ts';
import { Random } from '../../../ledger/core/random.ts';
import { outcomeUnknown, reasonOf, RpcError } from '../../../ledger/rpc/error.ts';
import { SimBook } from '../../../ledger/testing/books/sim-book.ts';
import type {
  BookServiceClient,
  PlaceAccountsReply,
  PlaceAccountsRequest,
} from '../../../proto/gen/meridian/internal/v1/book.ts';
import { OpenAccountRequest, OpenAccountResponse } from '../../../proto/gen/meridian/v1/account.ts';
import { Accounts } from '../../../router/accounts.ts';
import type { Book } from '../../../ledger/core/book.ts';
import { Books } from '../../../router/books/books.ts';
import type { ClientCall } from '../../../router/books/client-call.ts';

/**
 * Random histories of a region to which books are added while accounts are opened: by routers of
 * which some know the new books and some do not, over a network that loses, repeats and reorders
 * calls, in books that crash between any two steps. The routers' code and the books' rules are the
 * real ones.
 */

const REGION = 'eu-west';
const NUMBERS: RegionBooks = [1, 4, 5, 9];
const HISTORIES = 40;
/** The rarest bug shows in one of about fifty histories. */
const HISTORIES_OF_A_BUG = 400;
/** Names that come into use with each book. */
const NEW_NAMES = 15;

/** Ways to build it wrongly, each of which must be convicted. */
type Bug =
  /** The list of books is in the leader's memory alone. */
  | 'forgets-at-a-take-over'
  /** A leader answers under a longer list before that is committed, and may crash in between. */
  | 'answers-before-the-commit'
  /** A router asks the owner of a name, and not those that owned it before. */
  | 'asks-the-owner-alone';

class OwnersAlone extends Books {
  override candidates(...place: Parameters<Books['candidates']>): readonly Book[] {
    return super.candidates(...place).slice(-1);
  }
}

/** What is durable of a book, and its leader. */
class PlacingBook {
  readonly stored: SimBook;
  readonly #ids = new Map<string, bigint>();
  readonly #random: Random;
  readonly #bug: Bug | undefined;

  constructor(number: number, random: Random, bug: Bug | undefined) {
    this.stored = new SimBook(number, new Map(NUMBERS.map((each) => [each, `book-${each}`])));
    this.#random = random;
    this.#bug = bug;
  }

  get names(): string[] {
    return [...this.#ids.keys()];
  }

  /** Another server leads, with this configuration. */
  takeOver(configured: RegionBooks): void {
    const { regionBooks } = this.stored;
    const kept = this.#bug === 'forgets-at-a-take-over' ? [] : regionBooks;
    const adds = this.#bug === undefined ? configured : [];
    this.stored.regionBooks = longerOf(kept, adds) ?? kept;
  }

  place({ accounts, regionBooks }: PlaceAccountsRequest): PlaceAccountsReply {
    const before = this.stored.regionBooks;
    const notOwned: number[] = [];
    const answers = accounts.map((request, index) => {
      const { externalId } = request;
      const known = this.#ids.get(externalId);
      if (known !== undefined) {
        return OpenAccountResponse.fromPartial({ account: { id: known }, replayed: true });
      }
      const pending = this.stored.open(request, regionBooks);
      this.stored.flush();
      if (pending.outcome?.kind === 'notOwned') {
        expect(pending.outcome.why).toBe('elsewhere');
        notOwned.push(index);
        return OpenAccountResponse.fromPartial({});
      }
      const id = must(pending.outcome?.account, 'the asset is known').id;
      this.#ids.set(externalId, id);
      return OpenAccountResponse.fromPartial({ account: { id } });
    });
    const crashes = this.#bug === 'answers-before-the-commit' && this.#random.chance(0.3);
    if (crashes && notOwned.length === accounts.length) this.stored.regionBooks = before;
    return { accounts: answers, notOwned };
  }
}

/** Lets calls go on one at a time, in a random order. */
class Network {
  readonly #waiting: (() => void)[] = [];
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  step(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  /** Runs until nothing waits. */
  async run(): Promise<void> {
    await turn();
    while (this.#waiting.length > 0) {
      const [next] = this.#waiting.splice(this.#random.below(this.#waiting.length), 1);
      next?.();
      await turn();
    }
  }
}

interface Opened {
  readonly name: string;
  readonly id: bigint;
}

class History {
  readonly acknowledged: Opened[] = [];
  outdated = 0;
  unknown = 0;
  readonly #random: Random;
  readonly #network: Network;
  readonly #books: ReadonlyMap<number, PlacingBook>;
  readonly #directory: typeof Books;
  /** How many of the books each router knows. */
  readonly #known = [1, 1, 1];

  constructor(seed: number, bug?: Bug) {
    this.#random = new Random(seed);
    this.#network = new Network(this.#random);
    this.#directory = bug === 'asks-the-owner-alone' ? OwnersAlone : Books;
    this.#books = new Map(
      NUMBERS.map((number) => [number, new PlacingBook(number, this.#random, bug)]),
    );
  }

  async run(): Promise<void> {
    const all = NUMBERS.length;
    for (let joined = 1; joined <= all; joined += 1) {
      for (let round = 0; round < 6; round += 1) {
        this.#restartSome(joined);
        const openings = Array.from({ length: 8 }, () => {
          return this.#open(this.#random.below(3), [this.#name(joined)]);
        });
        const several = [this.#name(joined), this.#name(joined), this.#name(joined)];
        openings.push(this.#open(this.#random.below(3), several));
        await this.#network.run();
        await Promise.all(openings);
      }
    }
    // At last every router knows every book, and each of them finds each account.
    this.#known.fill(all);
    for (const router of this.#known.keys()) {
      for (let name = 0; name < NEW_NAMES * all; name += 1) {
        void this.#open(router, [`name-${name}`], 0);
      }
    }
    await this.#network.run();
  }

  /** Names that are open in two books, and those that were acknowledged as two accounts. */
  violations(): string[] {
    const seen = new Map<string, number>();
    const found: string[] = [];
    for (const [number, { names }] of this.#books) {
      for (const name of names) {
        if (seen.has(name)) found.push(`${name} is open in ${seen.get(name)} and in ${number}`);
        seen.set(name, number);
      }
    }
    const ids = new Map<string, bigint>();
    for (const { name, id } of this.acknowledged) {
      if ((ids.get(name) ?? id) !== id) found.push(`${name} was acknowledged as two accounts`);
      ids.set(name, id);
    }
    return found;
  }

  openIn(number: number): number {
    return this.#books.get(number)?.names.length ?? 0;
  }

  #name(joined: number): string {
    return `name-${this.#random.below(NEW_NAMES * joined)}`;
  }

  /** Servers are restarted one at a time, some with the new configuration, some with an older one. */
  #restartSome(joined: number): void {
    const random = this.#random;
    for (const book of this.#books.values()) {
      if (random.chance(0.2)) book.takeOver(NUMBERS.slice(0, 1 + random.below(joined)));
    }
    const router = random.below(3);
    this.#known[router] = Math.max(1, joined - random.below(2));
  }

  async #open(router: number, names: readonly string[], loss = 0.2): Promise<void> {
    const numbers = NUMBERS.slice(0, this.#known[router]);
    const books = new this.#directory(
      numbers.map((number) => ({ number, name: `book-${number}`, region: REGION })),
    );
    const call = <Response>(book: Book, _: unknown, ask: ClientCall<Response>) =>
      this.#call(book, ask, loss);
    const accounts = new Accounts(books, { call, rehearse: call });
    const requests = names.map((externalId) =>
      OpenAccountRequest.fromPartial({ externalId, homeRegion: REGION, asset: 'EUR' }),
    );
    try {
      const answers = await accounts.open(requests, Infinity);
      for (const [index, name] of names.entries()) {
        const id = must(answers[index]?.account, 'an opening is answered with its account').id;
        this.acknowledged.push({ name, id });
      }
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      if (reasonOf(error) === 'TOPOLOGY_OUTDATED') this.outdated += 1;
      else this.unknown += 1;
    }
  }

  /** A call as the router makes it: sent again while its outcome is not known, and given up. */
  async #call<Response>(
    { number }: Book,
    ask: ClientCall<Response>,
    loss: number,
  ): Promise<Response> {
    const book = must(this.#books.get(number), 'the book exists');
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await this.#network.step();
      if (this.#random.chance(loss)) continue;
      const reply = await answerOf(ask, book);
      // It may come late: whatever happens meanwhile happens before the router goes on.
      await this.#network.step();
      if (!this.#random.chance(loss)) return reply;
    }
    throw outcomeUnknown(status.DEADLINE_EXCEEDED);
  }
}

function answerOf<Response>(ask: ClientCall<Response>, book: PlacingBook): Promise<Response> {
  const place = (request: PlaceAccountsRequest, ...rest: readonly unknown[]) => {
    const done = rest.at(-1);
    if (typeof done === 'function') done(null, book.place(request));
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- nothing else is asked
  const client = { placeAccounts: place } as unknown as BookServiceClient;
  return new Promise((resolve, reject) => {
    ask(client, new Metadata(), { deadline: 0 }, (error, reply) => {
      if (error === null) resolve(reply);
      else reject(error);
    });
  });
}

test('books are added while accounts are opened, and no account is opened twice', async () => {
  let outdated = 0;
  let unknown = 0;
  const opened = new Map(NUMBERS.map((number) => [number, 0]));
  for (let seed = 1; seed <= HISTORIES; seed += 1) {
    const history = new History(seed);
    await history.run();
    expect(history.violations(), `seed ${seed}`).toEqual([]);
    outdated += history.outdated;
    unknown += history.unknown;
    for (const number of NUMBERS) {
      opened.set(number, (opened.get(number) ?? 0) + history.openIn(number));
    }
  }
  // Histories in which nothing is stale, lost or moved to a new book would show nothing.
  expect(outdated).toBeGreaterThan(HISTORIES);
  expect(unknown).toBeGreaterThan(HISTORIES);
  for (const count of opened.values()) expect(count).toBeGreaterThan(HISTORIES);
});

test.each<Bug>(['forgets-at-a-take-over', 'answers-before-the-commit', 'asks-the-owner-alone'])(
  'what %s is convicted',
  async (bug) => {
    for (let seed = 1; seed <= HISTORIES_OF_A_BUG; seed += 1) {
      const history = new History(seed, bug);
      await history.run();
      if (history.violations().length > 0) return;
    }
    expect.fail(`no account was opened twice in ${HISTORIES_OF_A_BUG} histories`);
  },
);
