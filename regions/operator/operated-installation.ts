import type { RegionName } from '../topology/layout.ts';
import { probeHealth } from '../processes/probes.ts';
import type { ClusterState, ReplicatedState } from '../topology/state.ts';
import { askEtcd, type EtcdAnswer } from './ask-etcd.ts';
import type { BookCopies, NamedBook } from './book-copies.ts';
import { describeBook } from './book-status.ts';
import { answered, type MemberFacts } from './facts.ts';
import type { MemberDatabase } from './member-database.ts';
import { Member } from './member.ts';
import { UnknownNameError } from './change-plan.ts';
import { type BookFacts, newestCopy } from './safety.ts';
import type { BookStatus, InstallationStatus, RegionStatus } from './status.ts';
import { QUESTION_MS } from './within.ts';

/** How often a silent part is asked before a decision without it. */
const ATTEMPTS = 3;

/** A book with its members. */
export interface OperatedBook extends NamedBook {
  readonly members: readonly Member[];
}

/** The parts of a replicated installation, and how they are asked. */
export class OperatedInstallation implements BookCopies {
  readonly replicated: ReplicatedState;
  readonly books: readonly OperatedBook[];
  /** Folder of the installation on this machine. */
  readonly dataDir: string;
  readonly #state: ClusterState;

  /** Throws when the installation has no replicas. */
  constructor(state: ClusterState) {
    if (state.replicated === undefined) {
      throw new Error(
        'this command works on replicated installations only, and this one has one copy of each ' +
          'book; start a replicated one with "meridian up --replicated"',
      );
    }
    this.#state = state;
    this.replicated = state.replicated;
    this.dataDir = state.dataDir;
    this.books = booksOf(state.replicated);
  }

  /** A book by its name or number. Throws when there is none. */
  book(nameOrNumber: string): OperatedBook {
    const found = this.books.find(
      ({ name, number }) => name === nameOrNumber || String(number) === nameOrNumber,
    );
    if (found !== undefined) return found;
    const names = this.books.map(({ name }) => name).join(', ');
    throw new UnknownNameError(`there is no book "${nameOrNumber}"; there are ${names}`);
  }

  /** Throws when there is no region of this name. */
  requireRegion(region: RegionName): void {
    const names = this.#state.regions.map(({ name }) => name);
    if (names.includes(region)) return;
    throw new UnknownNameError(`there is no region "${region}"; there are ${names.join(', ')}`);
  }

  /** The member of a book in a region. */
  member({ name, members }: OperatedBook, region: RegionName): Member {
    const found = members.find(({ state }) => state.region === region);
    if (found === undefined) throw new Error(`${name} has no copy in ${region}`);
    return found;
  }

  /**
   * What is known of one book now. Parts that do not answer are asked again, for a decision is
   * not to be made from what is merely slow. Never throws.
   */
  async patientFacts(book: OperatedBook): Promise<BookFacts> {
    for (let attempt = 1; ; attempt += 1) {
      const facts = await this.facts(book);
      if (attempt === ATTEMPTS || isComplete(facts)) return facts;
    }
  }

  /** What is known of one book now. Never throws. */
  async facts(book: OperatedBook): Promise<BookFacts> {
    const [etcd, members] = await Promise.all([
      askEtcd(this.replicated.etcd),
      Promise.all(book.members.map((member) => member.facts())),
    ]);
    return joined(book, etcd, members);
  }

  /** That of the primary, or else of the furthest copy that answers. Throws when none does. */
  async newestCopy({ name }: NamedBook): Promise<MemberDatabase> {
    const book = this.book(name);
    const facts = await this.patientFacts(book);
    const newest = newestCopy(facts);
    const found = facts.members.find(({ postgres }) => postgres === newest);
    if (found !== undefined) return this.member(book, found.member.region).database;
    throw new Error(`no copy of ${name} answers`);
  }

  /** How one book is now. Never throws: parts that do not answer are named as such. */
  async bookStatus({ name, home }: NamedBook): Promise<BookStatus> {
    return describeBook(await this.facts(this.book(name)), home);
  }

  /** How everything is now. Never throws: parts that do not answer are named as such. */
  async status(): Promise<InstallationStatus> {
    const startedAt = performance.now();
    const at = new Date().toISOString();
    let answers = await this.#askAll();
    // No answer at all within the time: more likely this machine is slow than everything gone.
    for (let more = 1; more < ATTEMPTS && isEmpty(answers); more += 1) {
      answers = await this.#askAll();
    }
    const { etcd, routers, members } = answers;
    const books = this.books.map((book, index) =>
      describeBook(joined(book, etcd, members[index] ?? []), book.home),
    );
    const withEtcd = new Set(this.replicated.etcd.map(({ region }) => region));
    const regions = this.#state.regions.map(({ name }): RegionStatus => ({
      name,
      router: routers.has(name) ? 'serving' : 'not serving',
      etcd: !withEtcd.has(name)
        ? 'none'
        : etcd.etcd.healthy.includes(name)
          ? 'serving'
          : 'not serving',
      drained: etcd.agreed === undefined ? null : etcd.agreed.drained.get(name),
    }));
    const coordinated = etcd.agreed !== undefined;
    const tookMs = Math.round(performance.now() - startedAt);
    return { at, tookMs, coordinated, regions, books };
  }

  async #askAll(): Promise<Answers> {
    const [etcd, routers, members] = await Promise.all([
      askEtcd(this.replicated.etcd),
      this.#askRouters(),
      Promise.all(
        this.books.map((book) => Promise.all(book.members.map((member) => member.facts()))),
      ),
    ]);
    return { etcd, routers, members };
  }

  /** Regions whose router serves. */
  async #askRouters(): Promise<ReadonlySet<RegionName>> {
    const serving = await Promise.all(
      this.#state.regions.map(async ({ name, routerAddress }) => {
        const serves = await probeHealth(routerAddress, QUESTION_MS).catch(() => false);
        return serves ? [name] : [];
      }),
    );
    return new Set(serving.flat());
  }

  async close(): Promise<void> {
    const members = this.books.flatMap((book) => book.members);
    await Promise.all(members.map(({ database }) => database.close()));
  }
}

interface Answers {
  readonly etcd: EtcdAnswer;
  readonly routers: ReadonlySet<RegionName>;
  /** Of each book. */
  readonly members: readonly (readonly MemberFacts[])[];
}

const isEmpty = ({ etcd, members }: Answers) =>
  etcd.agreed === undefined &&
  members.flat().every(({ postgres }) => answered(postgres) === undefined);

function isComplete({ coordination, etcd, members }: BookFacts): boolean {
  if (coordination === undefined || etcd.healthy.length < etcd.members) return false;
  return members.every(({ patroni, postgres, ledger }) =>
    [patroni, postgres, ledger].every((answer) => answered(answer) !== undefined),
  );
}

function joined(book: OperatedBook, { etcd, agreed }: EtcdAnswer, members: BookFacts['members']) {
  const drained = new Set(agreed?.drained.keys());
  const coordination = agreed && (agreed.books.get(book.name) ?? { leader: undefined });
  return { book: book.number, name: book.name, members, coordination, etcd, drained };
}

function booksOf({ members, patroniAuth }: ReplicatedState): OperatedBook[] {
  const numbers = [...new Set(members.map(({ book }) => book))].toSorted((a, b) => a - b);
  return numbers.flatMap((number) => {
    const own = members.filter(({ book }) => book === number);
    const [first] = own;
    if (first === undefined) return [];
    return {
      number,
      name: first.bookName,
      home: first.home,
      members: own.map((member) => new Member(member, patroniAuth)),
    };
  });
}
