import type { HaltedTransfer } from '../../proto/gen/meridian/internal/v1/book.ts';
import type { CreateTransferResponse } from '../../proto/gen/meridian/v1/transfer.ts';
import { must } from '../core/assert.ts';
import type { Posted } from '../core/post/book-state.ts';
import type { TransferOutcome } from '../core/post/command.ts';
import { isPlain } from '../core/validate/options.ts';
import { timestampFrom } from '../core/timestamp.ts';
import { fingerprintOf } from '../keys/known-key.ts';
import type { Append } from '../store/append.ts';
import {
  type BatchStamp,
  changeAnswer,
  haltedAnswer,
  NOT_OWNED,
  openAnswer,
  transferAnswer,
} from './answers.ts';
import type { BatchPlan, Planned, TransferItem } from './batch-plan.ts';
import type { BookMemory } from './book-memory.ts';
import type { Decided } from './recall.ts';

/** A batch that has been executed in memory and can be committed. */
export interface Ready {
  readonly plan: BatchPlan;
  readonly planned: readonly Planned[];
  readonly posted: Posted;
  readonly batch: Append;
  readonly atMicros: number;
}

/** Gives every item its answer. Returns the transfers that this batch has decided. */
export function answerItems(
  { plan, planned, posted, atMicros }: Ready,
  { book, epoch }: BookMemory,
): TransferItem[] {
  const stamp: BatchStamp = { book, epoch, atMicros, decidedAt: timestampFrom(atMicros) };
  const decided: TransferItem[] = [];
  for (const [index, made] of planned.entries()) {
    const outcome = must(posted.outcomes[index], 'every command has an outcome');
    if (made.kind === 'transfer' && outcome.kind === 'transfer') {
      const { item } = made;
      item.outcome = outcome;
      item.answer = transferAnswer(item.id, item.request, outcome, stamp);
      decided.push(item);
    } else if (made.kind === 'transfer' && outcome.kind === 'halted') {
      made.item.answer = haltedAnswer(outcome.peerBook);
    } else if (made.kind === 'open' && outcome.kind === 'open') {
      made.item.answer = openAnswer(made.item.request, outcome, stamp);
    } else if (made.kind === 'open' && outcome.kind === 'notOwned') {
      made.item.answer = NOT_OWNED;
      made.item.notOwned = outcome.why;
    } else if (made.kind === 'change' && outcome.kind === 'change') {
      made.item.answer = changeAnswer(made.item.id, outcome, stamp);
    }
  }
  plan.answerRepeats();
  return decided;
}

/** Answers all work except transfers and settlement. */
export function answerWorks({ plan, planned, posted }: Ready): void {
  for (const { work, items } of plan.openWorks) {
    const answers = items.map(({ answer }) => must(answer, 'every opening is answered'));
    const notOwned = items.flatMap(({ notOwned: why }, index) =>
      why === undefined ? [] : [{ index, why }],
    );
    work.onOutcome(answers, notOwned);
  }
  for (const { work, answer } of plan.changes) {
    work.onOutcome(must(answer, 'every change is answered'));
  }
  for (const [index, made] of planned.entries()) {
    const outcome = posted.outcomes[index];
    if (made.kind === 'asset' && outcome?.kind === 'asset') made.work.onOutcome(outcome);
  }
  for (const { onOutcome } of plan.proofs) onOutcome();
}

/** What is remembered of the transfers that a batch has decided. */
export function knownOf(
  decided: readonly TransferItem[],
  epoch: number,
  atMicros: number,
): Decided[] {
  return decided.map(({ id, request, outcome }) => {
    const { reason, seq, channel } = must(outcome, 'a decided transfer has an outcome');
    const fingerprint = fingerprintOf(request);
    const partial = channel !== null || !isPlain(request);
    return { id, known: { fingerprint, reason, epoch, seq, atMicros, partial } };
  });
}

/** True if a batch has nothing to commit: every key in it had its answer. */
export function changesNothing({ plan, posted }: Ready): boolean {
  const { rows, channels, swept, regionBooks } = posted;
  if (rows.length > 0 || channels.size > 0 || plan.proofs.length > 0) return false;
  return swept === null && regionBooks === null;
}

/** How much of a plan has no answer. */
export function openCount(plan: BatchPlan): number {
  return plan.unanswered().length + plan.unopened().length + plan.unchanged().length;
}

/** The books that the legs of a transfer are sent to. */
export function addPeers({ channel, details }: TransferOutcome, peers: Set<number>): void {
  if (channel !== null) peers.add(channel.peerBook);
  for (const { outcome } of details?.legs ?? []) addPeers(outcome, peers);
}

/**
 * The items that a halted channel has refused. They are not recorded, so that no index of the
 * journal can refuse a key that is known there.
 */
export function haltedItems(planned: readonly Planned[], { outcomes }: Posted): TransferItem[] {
  if (outcomes.every(({ kind }) => kind !== 'halted')) return [];
  return planned.flatMap((made, index) =>
    made.kind === 'transfer' && outcomes[index]?.kind === 'halted' ? [made.item] : [],
  );
}

const NOTHING_HALTED: readonly HaltedTransfer[] = [];

/** The items whose channel has diverged; empty nearly always. */
export function haltedOf(
  items: readonly TransferItem[],
  memory: BookMemory,
): readonly HaltedTransfer[] {
  let halted: HaltedTransfer[] | undefined;
  for (let index = 0; index < items.length; index += 1) {
    const peerBook = items[index]?.answer?.haltedPeer;
    if (peerBook === undefined) continue;
    halted ??= [];
    halted.push({ index, channel: memory.channelName(memory.book.number, peerBook) });
  }
  return halted ?? NOTHING_HALTED;
}

export function responsesOf(items: readonly TransferItem[]): CreateTransferResponse[] {
  return items.map(({ answer }) => must(answer, 'every item is answered').response);
}
