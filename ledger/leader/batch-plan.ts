import {
  type CreateTransferResponse,
  type OpenAccountRequest,
  type OpenAccountResponse,
  type Position,
  Reason,
  TransferStatus,
} from '../../proto/gen/meridian/v1/ledger.ts';
import { bookOf } from '../core/account-id.ts';
import { must } from '../core/assert.ts';
import type { Command, OpenOutcome, TransferOutcome } from '../core/command.ts';
import { differingAccountField, differingTransferField, openedAs } from '../core/same-request.ts';
import { timestampFrom } from '../core/timestamp.ts';
import { transferIdOf } from '../core/transfer-id.ts';
import type { Book } from '../store/head.ts';
import { openedAccount, type StoredOpening } from '../store/read-opened.ts';
import { type Asked, type Recalled, reused } from './recall.ts';
import type { OpenWork, TransferWork, Work } from './work.ts';

/** A transfer of a batch: what was asked, by whom, and its answer once there is one. */
export interface TransferItem extends Asked {
  readonly work: TransferWork;
  /** Index in the work's requests. */
  readonly index: number;
  answer: Recalled | undefined;
  /** Its outcome, if this batch decided it. */
  outcome: TransferOutcome | undefined;
}

/** An account to open, and its answer once there is one. */
export interface OpenItem {
  readonly request: OpenAccountRequest;
  readonly work: OpenWork;
  readonly index: number;
  answer: OpenAccountResponse | undefined;
}

/**
 * A batch on its way: the works that it answers, which of their requests have an answer
 * already, and the commands that must be posted for the rest.
 */
export class BatchPlan {
  readonly works: readonly Work[];
  readonly transfers: TransferItem[] = [];
  readonly openings: OpenItem[] = [];
  /** What decided each command, in the same order. */
  #items: (TransferItem | OpenItem | Work)[] = [];
  /** Items that repeat a key or external id of this batch, and the first of it. */
  #repeats: [TransferItem, TransferItem][] = [];
  #openRepeats: [OpenItem, OpenItem][] = [];

  /** @param now performance.now(): what should have begun before is not started any more */
  constructor(works: readonly Work[], now: number) {
    this.works = works;
    for (const work of works) {
      if (work.kind === 'transfers') {
        for (const [index, request] of work.requests.entries()) {
          const answer = (work.startBefore[index] ?? Infinity) < now ? TOO_LATE : undefined;
          const id = transferIdOf(request.namespace, request.idempotencyKey);
          this.transfers.push({ id, request, work, index, answer, outcome: undefined });
        }
      } else if (work.kind === 'open') {
        for (const [index, request] of work.requests.entries()) {
          this.openings.push({ request, work, index, answer: undefined });
        }
      }
    }
  }

  unanswered(): TransferItem[] {
    return this.transfers.filter((item) => item.answer === undefined);
  }

  /** Gives the items their recalled answers; undefined ones stay without. */
  answer(items: readonly TransferItem[], recalled: readonly (Recalled | undefined)[]): void {
    for (const [place, item] of items.entries()) item.answer = recalled[place];
  }

  /** Answers the openings whose external id is in use already. */
  answerOpenings(book: Book, stored: ReadonlyMap<string, StoredOpening>): void {
    for (const item of this.openings) {
      const opening = stored.get(item.request.externalId);
      if (opening === undefined) continue;
      const position = { book: book.number, epoch: opening.epoch, seq: opening.seq };
      const field = differingAccountField(opening.openedAs, openedAs(item.request));
      item.answer =
        field === ''
          ? { account: opening.account, replayed: true, differingField: '', position }
          : { account: undefined, replayed: false, differingField: field, position };
    }
  }

  /** The commands for all that has no answer, in the order of arrival. */
  commands(): Command[] {
    const commands: Command[] = [];
    this.#items = [];
    this.#repeats = [];
    this.#openRepeats = [];
    const add = (command: Command, item: TransferItem | OpenItem | Work) => {
      commands.push(command);
      this.#items.push(item);
    };
    const byExternalId = new Map<string, OpenItem>();
    for (const item of this.openings) {
      if (item.answer !== undefined) continue;
      const first = byExternalId.get(item.request.externalId);
      if (first !== undefined) {
        this.#openRepeats.push([item, first]);
        continue;
      }
      byExternalId.set(item.request.externalId, item);
      add({ kind: 'open', request: item.request }, item);
    }
    for (const work of this.works) {
      if (work.kind === 'settle' || work.kind === 'close') add(work.command, work);
    }
    const byId = new Map<string, TransferItem>();
    for (const item of this.transfers) {
      if (item.answer !== undefined) continue;
      const first = byId.get(item.id);
      if (first !== undefined) {
        this.#repeats.push([item, first]);
        continue;
      }
      byId.set(item.id, item);
      add({ kind: 'transfer', id: item.id, request: item.request }, item);
    }
    return commands;
  }

  /** The item or work that the command at this index was made for. */
  madeFor(index: number): TransferItem | OpenItem | Work {
    return must(this.#items[index], 'every command was made for something');
  }

  /** Answers what repeats a key of this batch, once the first of each has its answer. */
  answerRepeats(): void {
    for (const [item, first] of this.#repeats) {
      const { response, channel } = must(first.answer, 'the first of a key has its answer');
      const field = differingTransferField(first.request, item.request);
      item.answer =
        field === ''
          ? { response: { ...response, replayed: true }, channel }
          : {
              response: reused(item.id, field, response.position, response.decidedAt),
              channel: null,
            };
    }
    for (const [item, first] of this.#openRepeats) {
      const answer = must(first.answer, 'the first of an external id has its answer');
      const field = differingAccountField(openedAs(first.request), openedAs(item.request));
      item.answer =
        field === ''
          ? { ...answer, replayed: true }
          : { ...answer, account: undefined, differingField: field };
    }
  }
}

/** Ids of the accounts of a book that the commands may touch. */
export function* accountsOf(commands: readonly Command[], book: number): Generator<bigint> {
  for (const command of commands) {
    switch (command.kind) {
      case 'transfer':
        yield command.request.debitAccountId;
        if (bookOf(command.request.creditAccountId) === book) {
          yield command.request.creditAccountId;
        }
        break;
      case 'settle':
        for (const leg of command.legs) yield leg.creditAccountId;
        break;
      case 'close':
        for (const { leg } of command.refused) yield leg.debitAccountId;
        break;
      case 'open':
        break;
    }
  }
}

/** What is the same for all answers of a batch. */
export interface BatchStamp {
  readonly book: Book;
  readonly epoch: number;
  readonly atMicros: number;
}

const positionOf = (stamp: BatchStamp, seq: number): Position => ({
  book: stamp.book.number,
  epoch: BigInt(stamp.epoch),
  seq: BigInt(seq),
});

/** The answer to a transfer that this batch decided. */
export function transferAnswer(
  id: string,
  outcome: TransferOutcome,
  stamp: BatchStamp,
  decidedAt: CreateTransferResponse['decidedAt'],
): Recalled {
  const { reason, seq, channel } = outcome;
  const status =
    reason !== Reason.UNSPECIFIED
      ? TransferStatus.REJECTED
      : channel === null
        ? TransferStatus.POSTED
        : TransferStatus.IN_TRANSIT;
  const position = positionOf(stamp, seq);
  return {
    response: {
      transferId: id,
      status,
      reason,
      differingField: '',
      replayed: false,
      position,
      decidedAt,
    },
    channel,
  };
}

/** The answer to an opening of this batch. */
export function openAnswer(
  request: OpenAccountRequest,
  { account, seq }: OpenOutcome,
  stamp: BatchStamp,
): OpenAccountResponse {
  const { book, atMicros } = stamp;
  return {
    account: openedAccount(book, account.id, request.externalId, openedAs(request), atMicros),
    replayed: false,
    differingField: '',
    position: positionOf(stamp, seq),
  };
}

const TOO_LATE: Recalled = {
  response: {
    transferId: '',
    status: TransferStatus.UNSPECIFIED,
    reason: Reason.UNSPECIFIED,
    differingField: '',
    replayed: false,
    position: undefined,
    decidedAt: timestampFrom(0),
  },
  channel: null,
};
