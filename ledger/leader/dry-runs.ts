import type { SettleLeg } from '../../proto/gen/meridian/internal/v1/book.ts';
import { Reason } from '../../proto/gen/meridian/v1/reason.ts';
import { must } from '../core/assert.ts';
import type { BatchEffects } from '../core/post/book-state.ts';
import type { Command, Outcome, SettleCommand } from '../core/post/command.ts';
import { rowsOfAll } from '../core/validate/request-rows.ts';
import type { PreparedBatch } from './batch-plan.ts';
import type { BookMemory } from './book-memory.ts';
import { haltedOf, responsesOf, type TransferItem } from './kinds/transfers.ts';
import { LedgerError } from './ledger-error.ts';
import type { DryLeg, DryWork, DryWorkByKind, DryWorkName, Work } from './work.ts';
import { rowsOfWork } from './work-kinds.ts';

/** Executes in memory alone, on top of what has been committed. */
export interface Rehearsal {
  readonly memory: BookMemory;
  /** Executes work and gives each of its requests its answer. */
  readonly execute: (work: Work) => Promise<PreparedBatch>;
  /** Calls executed work back. */
  readonly publish: (batch: PreparedBatch) => void;
  readonly outcomeOf: (command: Command) => Promise<Outcome | undefined>;
}

/** One kind of dry run. */
interface DryKind<W> {
  /** How many rows it would lead to, about. */
  readonly rows: (work: W) => number;
  /** Executes the work and calls it back. */
  readonly run: (work: W, rehearsal: Rehearsal) => Promise<void>;
}

/** The dry run of work that is executed and answered as it is. */
const asItIs: DryKind<Extract<DryWork, Work>> = {
  rows: rowsOfWork,
  run: async (work, { execute, publish }) => publish(await execute(work)),
};

const dryKinds: { readonly [K in DryWorkName]: DryKind<DryWorkByKind[K]> } = {
  open: asItIs,
  change: asItIs,
  asset: asItIs,
  dryTransfers: {
    rows: ({ requests }) => rowsOfAll(requests),
    run: async ({ requests, onOutcome, onFailure }, { execute, memory }) => {
      const startBefore = requests.map(() => Infinity);
      const ignored = { onOutcome: () => undefined, onLate: () => undefined };
      const work = { kind: 'transfers', requests, startBefore, onFailure, ...ignored } as const;
      const { plan, effects } = await execute(work);
      const { items } = plan.parts.transfers;
      const channelName = (peerBook: number) => memory.channelName(memory.book.number, peerBook);
      onOutcome(responsesOf(items), legsOf(items, effects), haltedOf(items, channelName));
    },
  },
  legs: {
    rows: ({ legs }) => legs.length,
    run: async ({ originBook, legs, onOutcome }, { memory, outcomeOf }) => {
      // Settled as though they came next.
      const firstNumber = memory.channel(originBook).applied + 1;
      const command: SettleCommand = { kind: 'settle', originBook, firstNumber, legs };
      onOutcome(reasonsOf(command, await outcomeOf(command)));
    },
  },
};

function rowsAs<K extends DryWorkName>(kind: K, work: DryWorkByKind[K]): number {
  return dryKinds[kind].rows(work);
}

function runAs<K extends DryWorkName>(
  kind: K,
  work: DryWorkByKind[K],
  rehearsal: Rehearsal,
): Promise<void> {
  return dryKinds[kind].run(work, rehearsal);
}

/** Dry runs that wait until no batch is on its way. */
export class DryRuns {
  readonly #itemsMax: number;
  #waiting: DryWork[] = [];
  #items = 0;
  #closed: LedgerError | undefined;

  /** @param itemsMax items that may wait; beyond them work is refused at once */
  constructor(itemsMax: number) {
    this.#itemsMax = itemsMax;
  }

  /** Dry runs that wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** False: the work has been given its failure. */
  add(work: DryWork): boolean {
    const items = rowsAs(work.kind, work);
    const full = this.#items > 0 && this.#items + items > this.#itemsMax;
    const failure =
      this.#closed ??
      (full ? new LedgerError('overloaded', `${this.#items} items of dry runs wait`) : undefined);
    if (failure !== undefined) {
      work.onFailure(failure);
      return false;
    }
    this.#items += items;
    this.#waiting.push(work);
    return true;
  }

  /** Runs one work after the other. If one fails, all get the failure, and the error is thrown. */
  async run(rehearsal: Rehearsal): Promise<void> {
    if (this.#waiting.length === 0) return;
    const works = this.#waiting;
    this.#waiting = [];
    this.#items = 0;
    try {
      for (const work of works) await runAs(work.kind, work, rehearsal);
    } catch (error) {
      // Those that had their answer do not listen any more.
      const failure = new LedgerError('not_applied', 'the dry run failed', error);
      for (const work of works) work.onFailure(failure);
      throw error;
    }
  }

  /** Refuses all that waits and all that will come. */
  close(failure: LedgerError): void {
    this.#closed = failure;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const work of waiting) work.onFailure(failure);
  }
}

/** The second legs that the transfers of a batch would send to other books. */
function legsOf(items: readonly TransferItem[], effects: BatchEffects): DryLeg[] {
  const bySeq = new Map(effects.rows.map((row) => [row.seq, row]));
  return items.flatMap(({ outcome }, index) => {
    const row = bySeq.get(outcome?.seq ?? 0);
    if (row === undefined || row.peer === null || row.peer.number === null) return [];
    const debitAccountId = must(row.debitAccount, 'what is sent has a payer');
    const payer = must(effects.accounts.get(debitAccountId), 'the payer was looked at');
    const { action } = must(items[index], 'every outcome has its item').request;
    const leg: SettleLeg = {
      transferId: row.id,
      debitAccountId,
      creditAccountId: row.peer.account,
      amount: must(row.amount, 'what is sent has an amount'),
      asset: payer.asset,
      code: row.code,
      reference: row.reference,
      metadata: { ...row.metadata },
      reversalOf: action?.$case === 'reversal' ? action.value.transferId : '',
    };
    return [{ index, peerBook: row.peer.book, leg }];
  });
}

/** Why each leg would be refused; UNSPECIFIED: it would be applied. */
function reasonsOf({ firstNumber, legs }: SettleCommand, outcome: Outcome | undefined): Reason[] {
  const refusals = outcome?.kind === 'settle' ? outcome.refusals : [];
  const reasons = new Map(refusals.map(({ number, reason }) => [number, reason]));
  return legs.map((_, index) => reasons.get(firstNumber + index) ?? Reason.UNSPECIFIED);
}
