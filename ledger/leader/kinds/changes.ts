import { must } from '../../core/assert.ts';
import type { Outcome } from '../../core/post/command.ts';
import { transferIdOf } from '../../core/transfer-id.ts';
import { differingChangeField } from '../../core/validate/same-request.ts';
import { type BatchStamp, type ChangeAnswer, changeAnswer, reusedChangeKey } from '../answers.ts';
import type { ChangeWork } from '../work.ts';
import { BatchPart, type CommandList, type Lookup, type WorkKind } from './batch-part.ts';

/** A change of an account, and its answer once there is one. */
interface ChangeItem {
  readonly id: string;
  readonly work: ChangeWork;
  answer: ChangeAnswer | undefined;
}

/** The changes of accounts in a batch. */
export class ChangePart extends BatchPart {
  readonly #items: readonly ChangeItem[];
  /** Items that have a command, in the order of their commands. */
  #planned: ChangeItem[] = [];
  /** Place of the first of these commands in the batch. */
  #first = 0;
  /** Items that repeat a key of this batch, and the first that has it. */
  #repeats: [ChangeItem, ChangeItem][] = [];

  constructor(works: readonly ChangeWork[]) {
    super();
    this.#items = works.map((work) => {
      const { namespace, idempotencyKey } = work.request;
      return { id: transferIdOf(namespace, idempotencyKey), work, answer: undefined };
    });
  }

  override get unanswered(): number {
    return this.#open().length;
  }

  #open(): ChangeItem[] {
    return this.#items.filter(({ answer }) => answer === undefined);
  }

  /** Changes are rare: the journal is asked about each. */
  override async lookUp({ known }: Lookup): Promise<void> {
    for (const item of this.#open()) item.answer = await known.change(item.id, item.work.request);
  }

  plan(list: CommandList): void {
    this.#first = list.commands.length;
    this.#planned = [];
    this.#repeats = [];
    const byId = new Map<string, ChangeItem>();
    for (const item of this.#open()) {
      const { id, work } = item;
      const first = byId.get(id);
      if (first !== undefined) {
        this.#repeats.push([item, first]);
        continue;
      }
      byId.set(id, item);
      this.#planned.push(item);
      list.commands.push({ kind: 'change', id, request: work.request });
    }
    list.changes = byId;
  }

  answer(outcomes: readonly Outcome[], stamp: BatchStamp): void {
    for (const [place, item] of this.#planned.entries()) {
      const outcome = outcomes[this.#first + place];
      if (outcome?.kind === 'change') item.answer = changeAnswer(item.id, outcome, stamp);
    }
    for (const [item, first] of this.#repeats) {
      const answer = must(first.answer, 'the first of a key has its answer');
      const field = differingChangeField(first.work.request, item.work.request);
      item.answer =
        field === '' ? { ...answer, replayed: true } : reusedChangeKey(item.id, field, answer);
    }
  }

  publish(): void {
    for (const { work, answer } of this.#items) {
      work.onOutcome(must(answer, 'every change is answered'));
    }
  }
}

export const change: WorkKind<ChangeWork, ChangePart> = {
  rows: () => 1,
  bounded: true,
  newPart: (works) => new ChangePart(works),
};
