import type { Command, Outcome } from '../core/post/command.ts';
import type { PlainBatch } from '../core/plain/plain-batch.ts';
import type { BatchEffects } from '../core/post/book-state.ts';
import type { Append } from '../store/append-batch.ts';
import type { BatchStamp } from './answers.ts';
import { type BatchPart, CommandList, type Lookup, type Publication } from './kinds/batch-part.ts';
import type { Work } from './work.ts';
import { type BatchParts, newParts } from './work-kinds.ts';

/**
 * A batch on its way: the works that it answers, divided by kind, which of their requests have
 * an answer already, and the commands that must be posted for the rest.
 */
export class BatchPlan {
  /** What it answers. */
  readonly works: readonly Work[];
  readonly parts: BatchParts;
  /** The same, in the order in which they are posted. */
  readonly #parts: readonly BatchPart[];

  /** @param now performance.now(): what should have begun before is not started any more */
  constructor(works: readonly Work[], now: number) {
    this.works = works;
    this.parts = newParts(works, now);
    this.#parts = Object.values(this.parts);
  }

  /** Requests that have no answer yet, of the kinds that have keys. */
  get unanswered(): number {
    return this.#parts.reduce((sum, part) => sum + part.unanswered, 0);
  }

  /** True: the batch must be committed, even if it writes nothing. */
  get mustCommit(): boolean {
    return this.#parts.some((part) => part.mustCommit);
  }

  /** Answers the requests whose key, or external id, has an outcome already. */
  async lookUp(lookup: Lookup): Promise<void> {
    for (const part of this.#parts) await part.lookUp(lookup);
  }

  /** The commands for all that has no answer, in the order in which they are posted. */
  commands(): Command[] {
    const list = new CommandList();
    for (const part of this.#parts) part.plan(list);
    return list.commands;
  }

  /**
   * Looks up what was refused without a row, so that no index of the journal can refuse a key
   * that is known there. Returns true if answers were found: the rest must be planned again.
   */
  async lookUpRefused(outcomes: readonly Outcome[], lookup: Lookup): Promise<boolean> {
    let found = false;
    for (const part of this.#parts) found = (await part.lookUpRefused(outcomes, lookup)) || found;
    return found;
  }

  /** True if anything but plain transfers has a key of one of these, also if it has no row. */
  hasKeyOf(plain: PlainBatch, { rows, outcomes }: BatchEffects): boolean {
    return (
      rows.some(({ id }) => plain.has(id)) || this.parts.transfers.haltedKeyOf(plain, outcomes)
    );
  }

  /** Gives each request its answer. @param outcomes of the commands, in the same order */
  answer(outcomes: readonly Outcome[], stamp: BatchStamp): void {
    for (const part of this.#parts) part.answer(outcomes, stamp);
  }

  /** Calls the works back with their answers. */
  publish(publication: Publication): void {
    for (const part of this.#parts) part.publish(publication);
    for (const publish of publication.last) publish();
  }
}

/** A batch that has been executed in memory and can be committed. */
export interface PreparedBatch {
  readonly plan: BatchPlan;
  readonly effects: BatchEffects;
  /** The plain transfers of the batch; its rows come before those of the effects. */
  readonly plain: PlainBatch | undefined;
  /** What is written for it. */
  readonly append: Append;
  readonly atMicros: number;
}

/** True if a batch has nothing to commit: every key in it had its answer. */
export function changesNothing({ plan, effects, plain }: PreparedBatch): boolean {
  const { rows, channels, swept, regionBooks } = effects;
  if (plain !== undefined || rows.length > 0 || channels.size > 0 || plan.mustCommit) return false;
  return swept === null && regionBooks === null;
}
