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
import type {
  CloseCommand,
  Command,
  OpenCommand,
  OpenOutcome,
  SettleCommand,
  TransferCommand,
  TransferOutcome,
} from '../core/command.ts';
import { differingAccountField, differingTransferField, openedAs } from '../core/same-request.ts';
import { timestampFrom } from '../core/timestamp.ts';
import { transferIdOf } from '../core/transfer-id.ts';
import type { Book } from '../store/head.ts';
import { openedAccount, type StoredOpening } from '../store/read-opened.ts';
import { type Asked, type Hints, type Recalled, reused } from './recall.ts';
import type { CloseWork, OpenWork, SettleWork, TransferWork, Work } from './work.ts';

/** A transfer of a batch: what was asked, and its answer once there is one. */
export interface TransferItem extends Asked {
  answer: Recalled | undefined;
  /** Its outcome, if this batch decided it. */
  outcome: TransferOutcome | undefined;
}

/** An account to open, and its answer once there is one. */
export interface OpenItem {
  readonly request: OpenAccountRequest;
  answer: OpenAccountResponse | undefined;
}

/** A command, and what it was made for. */
export type Planned =
  | { readonly kind: 'transfer'; readonly command: TransferCommand; readonly item: TransferItem }
  | { readonly kind: 'open'; readonly command: OpenCommand; readonly item: OpenItem }
  | { readonly kind: 'settle'; readonly command: SettleCommand; readonly work: SettleWork }
  | { readonly kind: 'close'; readonly command: CloseCommand; readonly work: CloseWork };

/**
 * A batch on its way: the works that it answers, which of their requests have an answer
 * already, and the commands that must be posted for the rest.
 */
export class BatchPlan {
  readonly works: readonly Work[];
  /** The items of each work, in the order of its requests. */
  readonly transferWorks: { readonly work: TransferWork; readonly items: TransferItem[] }[] = [];
  readonly openWorks: { readonly work: OpenWork; readonly items: OpenItem[] }[] = [];
  /** Items that repeat a key or external id of this batch, and the first of it. */
  #repeats: [TransferItem, TransferItem][] = [];
  #openRepeats: [OpenItem, OpenItem][] = [];

  /** @param now performance.now(): what should have begun before is not started any more */
  constructor(works: readonly Work[], now: number) {
    this.works = works;
    for (const work of works) {
      if (work.kind === 'transfers') {
        const items = work.requests.map((request, index) => ({
          id: transferIdOf(request.namespace, request.idempotencyKey),
          request,
          answer: (work.startBefore[index] ?? Infinity) < now ? TOO_LATE : undefined,
          outcome: undefined,
        }));
        this.transferWorks.push({ work, items });
      } else if (work.kind === 'open') {
        const items = work.requests.map((request) => ({ request, answer: undefined }));
        this.openWorks.push({ work, items });
      }
    }
  }

  /** Transfers without an answer, in the order of arrival. */
  unanswered(): TransferItem[] {
    const found: TransferItem[] = [];
    for (const { items } of this.transferWorks) {
      for (const item of items) if (item.answer === undefined) found.push(item);
    }
    return found;
  }

  /** What Redis answered about all transfers; undefined if it did not for one of the works. */
  async hints(): Promise<Hints> {
    const found = new Map<string, string>();
    for (const { work } of this.transferWorks) {
      const hints = await work.hints;
      if (hints === undefined) return undefined;
      for (const [id, value] of hints) found.set(id, value);
    }
    return found;
  }

  /** Accounts to open that have no answer, in the order of arrival. */
  unopened(): OpenItem[] {
    return this.openWorks.flatMap(({ items }) => items.filter((item) => item.answer === undefined));
  }

  /** Gives the items their recalled answers; undefined ones stay without. */
  answer(items: readonly TransferItem[], recalled: readonly (Recalled | undefined)[]): void {
    for (const [place, item] of items.entries()) item.answer = recalled[place];
  }

  /** Answers the openings whose external id is in use already. */
  answerOpenings(book: Book, stored: ReadonlyMap<string, StoredOpening>): void {
    for (const item of this.unopened()) {
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

  /**
   * The commands for all that has no answer: openings, settlements, then transfers in the
   * order of arrival, so that what brings money comes before what spends it.
   */
  commands(): Planned[] {
    const planned: Planned[] = [];
    this.#repeats = [];
    this.#openRepeats = [];
    const byExternalId = new Map<string, OpenItem>();
    for (const item of this.unopened()) {
      const { request } = item;
      const first = byExternalId.get(request.externalId);
      if (first !== undefined) {
        this.#openRepeats.push([item, first]);
        continue;
      }
      byExternalId.set(request.externalId, item);
      planned.push({ kind: 'open', command: { kind: 'open', request }, item });
    }
    for (const work of this.works) {
      if (work.kind === 'settle') planned.push({ kind: 'settle', command: work.command, work });
      if (work.kind === 'close') planned.push({ kind: 'close', command: work.command, work });
    }
    const byId = new Map<string, TransferItem>();
    for (const item of this.unanswered()) {
      const { id, request } = item;
      const first = byId.get(id);
      if (first !== undefined) {
        this.#repeats.push([item, first]);
        continue;
      }
      byId.set(id, item);
      planned.push({ kind: 'transfer', command: { kind: 'transfer', id, request }, item });
    }
    return planned;
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
