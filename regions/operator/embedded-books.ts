import type { BookEndpoints, ClusterState } from '../topology/state.ts';
import { askLedger } from './ask-ledger.ts';
import { askPostgres } from './ask-postgres.ts';
import type { BookCopies, NamedBook } from './book-copies.ts';
import type { LedgerFacts, PostgresFacts } from './facts.ts';
import { MemberDatabase } from './member-database.ts';
import type { BookStatus, MemberReport } from './status.ts';
import { QUESTION_MS, reasonOf, within } from './within.ts';

/** The books of the embedded profile: each in one database, in its home region. */
export class EmbeddedBooks implements BookCopies {
  readonly books: readonly NamedBook[];
  readonly #places: ReadonlyMap<number, BookEndpoints>;
  readonly #databases: ReadonlyMap<number, MemberDatabase>;

  constructor({ books }: Pick<ClusterState, 'books'>) {
    this.books = books.map(({ number, name, region: home }) => ({ number, name, home }));
    this.#places = new Map(books.map((book) => [book.number, book]));
    this.#databases = new Map(
      books.map(({ number, adminUrl }) => [number, new MemberDatabase(adminUrl)]),
    );
  }

  async newestCopy({ number, name }: NamedBook): Promise<MemberDatabase> {
    const database = this.#databases.get(number);
    try {
      // The first question may find the server slow to connect.
      await database?.ask((sql) => sql`SELECT 1`, QUESTION_MS * 2);
    } catch (error) {
      throw new Error(`${name} does not answer: ${reasonOf(error)}`, { cause: error });
    }
    if (database === undefined) throw new Error(`there is no book ${name}`);
    return database;
  }

  async bookStatus(book: NamedBook): Promise<BookStatus> {
    const database = this.#databases.get(book.number);
    const address = this.#places.get(book.number)?.ledgerAddress ?? '';
    const [postgres, ledger] = await Promise.all([
      database?.ask(askPostgres).catch(() => undefined),
      within(QUESTION_MS, askLedger(address)).catch(() => undefined),
    ]);
    return describeOnly(book, address, postgres, ledger);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#databases.values()].map((database) => database.close()));
  }
}

/** A book with a single copy. Undefined: that part does not answer. */
function describeOnly(
  { number, name, home }: NamedBook,
  ledgerAddress: string,
  postgres: PostgresFacts | undefined,
  ledger: LedgerFacts | undefined,
): BookStatus {
  const epoch = ledger?.epoch;
  const isLed = ledger?.leading === true;
  const standing = isLed ? 'leading' : 'standing by';
  const because = 'the book has one copy, and only that has what was acknowledged';
  const member: MemberReport = {
    name,
    region: home,
    role: 'leader',
    state: postgres === undefined ? 'no answer' : 'running',
    timeline: undefined,
    ledger: ledger === undefined ? 'no answer' : standing,
    epoch,
    clockAlarm: ledger?.clockAlarm ?? '',
    partitionAlarms: ledger?.partitionAlarms ?? [],
    lagBytes: postgres && 0,
    lagMs: postgres && 0,
  };
  return {
    book: number,
    name,
    home,
    leader: isLed ? { region: home, member: name, epoch: ledger.epoch, ledgerAddress } : undefined,
    primaries: postgres === undefined ? [] : [home],
    fenced: postgres?.head?.fenced,
    members: [member],
    exposure: { safe: false, because, bytes: undefined },
    failovers: [],
    outgoing: postgres?.outgoing ?? [],
  };
}
