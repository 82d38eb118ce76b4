import type { HaltedTransfer } from '../../../proto/gen/meridian/internal/v1/book.ts';
import {
  type CreateTransferRequest,
  type CreateTransferResponse,
} from '../../../proto/gen/meridian/v1/transfer.ts';
import { must } from '../../core/assert.ts';
import type { PlainBatch } from '../../core/plain/plain-batch.ts';
import type { Outcome, TransferOutcome } from '../../core/post/command.ts';
import { transferIdOf } from '../../core/transfer-id.ts';
import { rowsOfAll } from '../../core/validate/request-rows.ts';
import { differingTransferField } from '../../core/validate/same-request.ts';
import {
  type BatchStamp,
  type DecidedAt,
  haltedAnswer,
  reusedKey,
  TOO_LATE,
  type TransferAnswer,
  transferAnswer,
} from '../answers.ts';
import type { KeyedTransfer, Hints, KnownOutcomes } from '../known-outcomes.ts';
import type { TransferWork } from '../work.ts';
import {
  BatchPart,
  type CommandList,
  type Lookup,
  type Publication,
  type WorkKind,
} from './batch-part.ts';

/** A transfer of a batch: what was asked, and its answer once there is one. */
export interface TransferItem extends KeyedTransfer {
  /** An item is its own command. */
  readonly kind: 'transfer';
  /** In its work. */
  readonly index: number;
  /** By performance.now(): not to be started after that. */
  readonly startBefore: number;
  /** True: it is known whether its key has an outcome. */
  lookedUp: boolean;
  answer: TransferAnswer | undefined;
  /** Its outcome, if this batch decided it. */
  outcome: TransferOutcome | undefined;
}

/** What the general lane has of a work. */
export interface WorkItems {
  /** In the order of the requests. */
  readonly items: readonly TransferItem[];
  /** What Redis knows of their keys, from each time that it was asked. */
  readonly hints: readonly (Promise<Hints> | undefined)[];
  /** One result for each item, in the same order. */
  readonly onOutcome: TransferWork['onOutcome'];
  readonly onLate: TransferWork['onLate'];
}

/** The transfers of a batch. */
export class TransferPart extends BatchPart {
  readonly #own: ReadonlyMap<TransferWork, WorkItems>;
  /** Those of all works, in the order of arrival. */
  #works: readonly WorkItems[];
  /** Items that have a command, in the order of their commands. */
  #planned: TransferItem[] = [];
  /** Place of the first of these commands in the batch. */
  #first = 0;
  /** Items that repeat a key of this batch, and the first that has it. */
  #repeats: [TransferItem, TransferItem][] = [];
  /** Items whose key is that of a change in this batch. */
  #reused: [TransferItem, { readonly answer: DecidedAt | undefined }][] = [];

  constructor(works: readonly TransferWork[], now: number) {
    super();
    this.#own = new Map(works.map((work) => [work, workItems(work, now)]));
    this.#works = [...this.#own.values()];
  }

  itemsOf(work: TransferWork): WorkItems | undefined {
    return this.#own.get(work);
  }

  /** Takes over what is not plain. @param all what this part has as well, in the order of arrival */
  takeOver(all: readonly WorkItems[]): void {
    this.#works = all;
  }

  get items(): TransferItem[] {
    return this.#works.flatMap(({ items }) => items);
  }

  override get unanswered(): number {
    return this.#open().length;
  }

  /** Items without an answer, in the order of arrival. */
  #open(): TransferItem[] {
    return openOf(this.#works);
  }

  override async lookUp({ known, journalOnly }: Lookup): Promise<void> {
    // Once the journal alone is asked, it is asked about all: it has refused some of them.
    const open = this.#open().filter(({ lookedUp }) => journalOnly || !lookedUp);
    for (const item of open) item.lookedUp = true;
    if (open.length === 0) return;
    const answers = journalOnly
      ? await known.recorded(open)
      : await known.find(open, await hintsOf(this.#works));
    for (let place = 0; place < open.length; place += 1) {
      const item = open[place];
      if (item !== undefined) item.answer = answers[place];
    }
  }

  plan({ commands, changes }: CommandList): void {
    this.#first = commands.length;
    this.#planned = [];
    this.#repeats = [];
    this.#reused = [];
    const byId = new Map<string, TransferItem>();
    for (const item of this.#open()) {
      const { id } = item;
      const change = changes.size === 0 ? undefined : changes.get(id);
      const first = byId.get(id);
      if (change !== undefined) {
        this.#reused.push([item, change]);
      } else if (first !== undefined) {
        this.#repeats.push([item, first]);
      } else {
        byId.set(id, item);
        this.#planned.push(item);
        commands.push(item);
      }
    }
  }

  override async lookUpRefused(
    outcomes: readonly Outcome[],
    { known, onItsWay }: Lookup,
  ): Promise<boolean> {
    if (outcomes.every(({ kind }) => kind !== 'halted')) return false;
    // They leave no row: that none was applied is known once the journal has what is on its way.
    await Promise.allSettled([onItsWay]);
    const items = this.#planned.filter((_, at) => outcomes[this.#first + at]?.kind === 'halted');
    const answers = await known.recorded(items);
    for (const [place, item] of items.entries()) item.answer = answers[place];
    return answers.some((answer) => answer !== undefined);
  }

  /** True if one of the transfers that were not applied, and have no row, has a key of these. */
  haltedKeyOf(plain: PlainBatch, outcomes: readonly Outcome[]): boolean {
    return this.#planned.some(
      ({ id }, at) => outcomes[this.#first + at]?.kind === 'halted' && plain.has(id),
    );
  }

  answer(outcomes: readonly Outcome[], stamp: BatchStamp): void {
    for (let place = 0; place < this.#planned.length; place += 1) {
      const item = must(this.#planned[place], 'every place has its item');
      const outcome = must(outcomes[this.#first + place], 'every command has an outcome');
      if (outcome.kind === 'transfer') {
        item.outcome = outcome;
        item.answer = transferAnswer(item.id, item.request, outcome, stamp);
      } else if (outcome.kind === 'halted') {
        item.answer = haltedAnswer(outcome.peerBook);
      }
    }
    for (const [item, { answer }] of this.#reused) {
      const decided = must(answer, 'the first of a key has its answer');
      item.answer = { response: reusedKey(item.id, 'kind', decided), channel: null };
    }
    for (const [item, first] of this.#repeats) item.answer = repeatAnswer(item, first);
  }

  /** Remembers what this batch has decided. Returns the ids, for Redis. */
  remember(known: KnownOutcomes, { epoch, atMicros }: BatchStamp): string[] {
    const ids: string[] = [];
    for (const { id, request, outcome } of this.#planned) {
      if (outcome === undefined) continue;
      const { reason, seq, channel } = outcome;
      const decided = { reason, epoch, seq, atMicros, away: channel !== null };
      known.rememberDecided(id, request, decided);
      ids.push(id);
    }
    return ids;
  }

  publish(publication: Publication): void {
    for (const { outcome } of this.#planned) {
      if (outcome !== undefined) addPeers(outcome, publication.peers);
    }
    for (const work of this.#works) {
      work.onOutcome(responsesOf(work.items), haltedOf(work.items, publication.channelName));
      this.#wait(work, publication);
    }
  }

  /** Callers of those in transit get the rest when the other book has answered. */
  #wait({ items, onLate }: WorkItems, { waiters, answerOvertaken }: Publication): void {
    const overtaken = new Map<number, TransferItem>();
    for (let place = 0; place < items.length; place += 1) {
      const item = items[place];
      if (item?.answer === undefined || item.answer.channel === null) continue;
      const { response, channel } = item.answer;
      const { index, startBefore: until } = item;
      const waiter = { number: channel.number, until, index, response, onLate };
      if (!waiters.add(channel.peerBook, waiter)) overtaken.set(index, item);
    }
    if (overtaken.size > 0) answerOvertaken(overtaken, onLate);
  }
}

function workItems(work: TransferWork, now: number): WorkItems {
  const { hints, onOutcome, onLate } = work;
  return { items: itemsOf(work, now), hints: [hints], onOutcome, onLate };
}

/** The items of works that have no answer yet, in the order of arrival. */
function openOf(works: readonly WorkItems[]): TransferItem[] {
  const found: TransferItem[] = [];
  for (const { items } of works) {
    for (const item of items) if (item.answer === undefined) found.push(item);
  }
  return found;
}

/** The ids that Redis has among all transfers; undefined if it did not answer for one work. */
async function hintsOf(works: readonly WorkItems[]): Promise<Hints> {
  const found = new Set<string>();
  for (const work of works) {
    for (const asked of work.hints) {
      const hints = await asked;
      if (hints === undefined) return undefined;
      for (const id of hints) found.add(id);
    }
  }
  return found;
}

function itemsOf({ requests, startBefore, ids = idsOf(requests) }: TransferWork, now: number) {
  return requests.map((request, index) => {
    const id = must(ids[index], 'every request has its id');
    return newItem({ id, request, index, startBefore: startBefore[index] ?? Infinity }, now);
  });
}

/** A transfer of a batch. @param now performance.now() */
export function newItem(
  item: Pick<TransferItem, 'id' | 'request' | 'index' | 'startBefore'>,
  now: number,
): TransferItem {
  const { id, request, index, startBefore } = item;
  return {
    kind: 'transfer',
    id,
    request,
    index,
    startBefore,
    lookedUp: false,
    answer: startBefore < now ? TOO_LATE : undefined,
    outcome: undefined,
  };
}

/** The id of each transfer, in the same order. */
export function idsOf(requests: readonly CreateTransferRequest[]): string[] {
  return requests.map(({ namespace, idempotencyKey }) => transferIdOf(namespace, idempotencyKey));
}

function repeatAnswer(item: TransferItem, first: TransferItem): TransferAnswer {
  const answer = must(first.answer, 'the first of a key has its answer');
  // Nothing has been recorded, so that there is nothing to repeat.
  if (answer.haltedPeer !== undefined) return answer;
  const { response, channel } = answer;
  const field = differingTransferField(first.request, item.request);
  return field === ''
    ? { response: { ...response, replayed: true }, channel }
    : { response: reusedKey(item.id, field, response), channel: null };
}

/** The books that the legs of a transfer are sent to. */
function addPeers({ channel, details }: TransferOutcome, peers: Set<number>): void {
  if (channel !== null) peers.add(channel.peerBook);
  for (const { outcome } of details?.legs ?? []) addPeers(outcome, peers);
}

const NOTHING_HALTED: readonly HaltedTransfer[] = [];

/** The items whose channel has diverged; empty nearly always. */
export function haltedOf(
  items: readonly TransferItem[],
  channelName: (peerBook: number) => string,
): readonly HaltedTransfer[] {
  let halted: HaltedTransfer[] | undefined;
  for (const { answer, index } of items) {
    if (answer?.haltedPeer === undefined) continue;
    halted ??= [];
    halted.push({ index, channel: channelName(answer.haltedPeer) });
  }
  return halted ?? NOTHING_HALTED;
}

export function responsesOf(items: readonly TransferItem[]): CreateTransferResponse[] {
  return items.map(({ answer }) => must(answer, 'every item is answered').response);
}

export const transfers: WorkKind<TransferWork, TransferPart> = {
  rows: ({ requests }) => rowsOfAll(requests),
  bounded: true,
  newPart: (works, now) => new TransferPart(works, now),
};
