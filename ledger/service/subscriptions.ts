import { isAccountId } from '../core/account-id.ts';
import type { Logger } from '../logger.ts';
import {
  aborted,
  invalidArgument,
  notFound,
  overloaded,
  RpcError,
  unavailable,
} from '../rpc/error.ts';
import type { BookDatabase, BookStore } from '../store/book-store.ts';
import type { Book } from '../core/book.ts';
import { describe, StoreError } from '../store/store-error.ts';
import { prove } from './proven-reads.ts';
import { type EventStream, type FollowedLeader, seqOf, Subscription } from './subscription.ts';
import { Turns } from './turns.ts';
import { type LedgerTuning, ledgerTuning } from '../ledger-tuning.ts';

/** A server's part in a book, as far as subscribers look at it. */
export interface FollowedMember {
  readonly config: { readonly book: Book; readonly database: BookDatabase };
  /** Undefined while it does not lead. */
  readonly leader: FollowedLeader | undefined;
  /** Calls back at every change of leadership. Returns how to stop it. */
  onStatus(listener: () => void): () => void;
}

/** All subscribers of this server. They are served while it leads its book. */
export class Subscriptions {
  readonly #member: FollowedMember;
  readonly #log: Logger;
  readonly #tuning: LedgerTuning;
  readonly #store: BookStore;
  readonly #turns = new Turns();
  #open = 0;

  constructor(member: FollowedMember, log: Logger, tuning: LedgerTuning = ledgerTuning) {
    this.#tuning = tuning;
    this.#member = member;
    this.#log = log;
    this.#store = member.config.database.open(tuning.subscriptionConnections);
  }

  /**
   * Serves one subscriber.
   * RESOURCE_EXHAUSTED: there are too many. UNAVAILABLE, ABORTED: this server does not lead the
   * book, or does no more.
   *
   * @throws InvariantError if the journal has a gap: the process must end
   */
  async serve(stream: EventStream): Promise<void> {
    const { subscriptions: most } = this.#tuning;
    if (this.#open >= most) {
      fail(stream, overloaded(`${most} subscriptions are open here`, 1_000));
      return;
    }
    this.#open += 1;
    try {
      await this.#run(stream);
    } catch (error) {
      if (error instanceof RpcError) fail(stream, error);
      else if (error instanceof StoreError) fail(stream, this.#notRead(error));
      else throw error;
    } finally {
      this.#open -= 1;
    }
  }

  /** Call it when the server leads no more. */
  close(): Promise<void> {
    return this.#store.close(1);
  }

  async #run(stream: EventStream): Promise<void> {
    const member = this.#member;
    const { leader } = member;
    const { name } = member.config.book;
    if (leader === undefined) {
      throw unavailable('NOT_LEADER', `this server does not lead ${name}`, 100);
    }
    const { account, behind } = await this.#startOf(stream, leader);
    if (stream.cancelled) return;
    const subscription = new Subscription(stream, {
      store: this.#store,
      turns: this.#turns,
      leader,
      account,
      behind,
      pageRows: this.#tuning.subscriptionRows,
    });
    const stopWatching = member.onStatus(() => {
      if (member.leader === leader) return;
      subscription.end(aborted(`this server does not lead ${name} any more`, 100));
    });
    try {
      // It may have stepped down while the account was looked up.
      if (member.leader !== leader) throw aborted(`this server does not lead ${name}`, 100);
      await subscription.run();
    } finally {
      stopWatching();
    }
  }

  /**
   * What a request is about, and where its events begin. Throws if it cannot be served.
   *
   * An account unknown to this server may have been read from a copy, which shows a row before
   * the leader knows that it is durable. So nothing is refused before a commit, which comes after
   * such a row and which a deposed leader cannot make.
   */
  async #startOf(stream: EventStream, leader: FollowedLeader): Promise<Start> {
    const { of, after } = stream.request;
    const { memory } = leader;
    const { book } = this.#member.config;
    if (of?.$case === 'book') {
      if (of.value !== book.name) {
        throw invalidArgument([{ field: 'book', description: `must be ${book.name} here` }]);
      }
      if (after > memory.seq) await provenFor(stream, leader);
      requirePlace(after, BigInt(memory.seq), 'seq', book.name);
      return { account: null, behind: undefined };
    }
    if (of === undefined) {
      throw invalidArgument([{ field: 'book', description: 'or account_id must be set' }]);
    }
    const id = of.value;
    if (!isAccountId(id)) {
      const description = `${id} is not an account id`;
      throw invalidArgument([{ field: 'account_id', description }]);
    }
    let start = await this.#startIn(id, after);
    if (start === undefined) {
      await provenFor(stream, leader);
      start = await this.#startIn(id, after);
    }
    if (start !== undefined) return start;
    const account = (await this.#store.readAccounts([id])).found.get(id);
    if (account === undefined) {
      throw notFound('ACCOUNT_NOT_FOUND', `there is no account ${id}`);
    }
    requirePlace(after, account.version, 'version', `account ${id}`);
    return { account: id, behind: undefined };
  }

  /**
   * Where the events after a version of an account begin; undefined if there is no such account or
   * version. To read the whole account takes longer: its settings may have changed in any partition.
   */
  async #startIn(account: bigint, version: bigint): Promise<Start | undefined> {
    if (version === 0n) {
      return (await this.#store.accountExists(account))
        ? { account, behind: undefined }
        : undefined;
    }
    if (version < 0n || version > Number.MAX_SAFE_INTEGER) return undefined;
    const through = Number.MAX_SAFE_INTEGER;
    const page = { account, after: Number(version) - 1, through, limit: 1 };
    const [event] = await this.#store.readEvents(page);
    return event && { account, behind: seqOf(event) };
  }

  #notRead(error: unknown): RpcError {
    this.#log.warn('events cannot be read', { why: describe(error) });
    return unavailable('DATABASE', 'the database of the book cannot be reached', 200);
  }
}

/** Where a subscription begins. */
interface Start {
  /** Null: it is about the book. */
  readonly account: bigint | null;
  /** A seq that all of its events come after; undefined: none is known. */
  readonly behind: number | undefined;
}

/** Ends sooner if the caller goes: a commit may wait long for its second region. */
async function provenFor(stream: EventStream, leader: FollowedLeader): Promise<void> {
  const gone = new Promise<void>((resolve) => {
    stream.once('cancelled', resolve);
  });
  await Promise.race([prove(leader), gone]);
}

function requirePlace(after: bigint, newest: bigint, what: string, of: string): void {
  if (after >= 0n && after <= newest) return;
  const description = `must be 0 to ${newest}, the newest ${what} of ${of}`;
  throw invalidArgument([{ field: 'after', description }]);
}

function fail(stream: EventStream, error: RpcError): void {
  stream.emit('error', error);
}
