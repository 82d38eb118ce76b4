import type { Command, Outcome } from '../../core/post/command.ts';
import type { BatchStamp, DecidedAt } from '../answers.ts';
import type { KeyedTransfer, KnownOutcomes } from '../known-outcomes.ts';
import type { TransferWork } from '../work.ts';
import type { SettlementWaiters } from '../settlement-waiters.ts';
import type { Book } from '../../core/book.ts';
import type { LeaderStore } from '../../store/book-store.ts';

/** One kind of work: how it is admitted to the queue, and how a batch treats it. */
export interface WorkKind<W, P extends BatchPart> {
  /** How many rows of the journal the work may lead to, about. */
  readonly rows: (work: W) => number;
  /** True: it is refused when too much waits, as all is that callers ask for. */
  readonly bounded?: true;
  /** True: also a book that has lost rows does it. */
  readonly evenAfterLoss?: (work: W) => boolean;
  /**
   * The part of a new batch for works of this kind.
   * @param now performance.now(): what should have begun before is not started any more
   */
  readonly newPart: (works: readonly W[], now: number) => P;
}

/**
 * The works of one kind in a batch, from their arrival to their answers. A call is for all of
 * them: nothing here is called per request.
 */
export abstract class BatchPart {
  /** True: the batch must be committed, even if it writes nothing. */
  get mustCommit(): boolean {
    return false;
  }

  /** Requests that have no answer yet, of the kinds that have keys. */
  get unanswered(): number {
    return 0;
  }

  /** Answers the requests whose key, or external id, has an outcome already. */
  lookUp(_lookup: Lookup): Promise<void> {
    // The works of most kinds have no key.
    return Promise.resolve();
  }

  /** Adds the commands for all that has no answer. Called again for each attempt to post them. */
  abstract plan(list: CommandList): void;

  /**
   * Looks up what was refused without a row, so that no index of the journal can refuse a key
   * that is known there. Returns true if answers were found: the rest must be planned again.
   */
  lookUpRefused(_outcomes: readonly Outcome[], _lookup: Lookup): Promise<boolean> {
    return Promise.resolve(false);
  }

  /** Gives each request its answer. @param outcomes of all commands of the batch, in their order */
  abstract answer(outcomes: readonly Outcome[], stamp: BatchStamp): void;

  /** Calls the works back with their answers. */
  abstract publish(publication: Publication): void;
}

/** Where the outcomes of keys are looked up. */
export interface Lookup {
  readonly book: Book;
  /** The connection of the book's batches: what it reads includes the batch before this one. */
  readonly store: LeaderStore;
  readonly known: KnownOutcomes;
  /** True: only the journal is asked. Its unique index has refused the batch, or may refuse it. */
  readonly journalOnly: boolean;
  /** The commit of the batch before, which the journal does not show until it is over. */
  readonly onItsWay: Promise<unknown>;
}

/** The commands of a batch, in the order in which they are posted. */
export class CommandList {
  readonly commands: Command[] = [];
  /** The first change of each key: transfers and changes share the keys of a book. */
  changes: ReadonlyMap<string, { readonly answer: DecidedAt | undefined }> = new Map();
}

/** What the parts of a batch need to publish their answers. */
export interface Publication {
  /** Name of the channel from this book to another one. */
  readonly channelName: (peerBook: number) => string;
  readonly waiters: SettlementWaiters;
  /** Looks up the outcomes of transfers whose legs were answered before they were waited for. */
  readonly answerOvertaken: (
    overtaken: ReadonlyMap<number, KeyedTransfer>,
    onLate: TransferWork['onLate'],
  ) => void;
  /** The books that legs were sent to. */
  readonly peers: Set<number>;
  /** To be called after everything else: callers of this very batch may wait for it. */
  readonly last: (() => void)[];
}
