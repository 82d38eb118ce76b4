import type { SettleLeg } from '../../proto/gen/meridian/internal/v1/book.ts';
import { Reason } from '../../proto/gen/meridian/v1/reason.ts';
import { must } from '../core/assert.ts';
import type { Posted } from '../core/post/book-state.ts';
import type { Outcome, SettleCommand } from '../core/post/command.ts';
import type { TransferItem } from './batch-plan.ts';
import type { BookMemory } from './book-memory.ts';
import { LedgerFault } from './ledger-fault.ts';
import { type DryLeg, type DryWork, type LegsWork, sizeOf } from './work.ts';

/** Dry runs that wait until no batch is on its way. */
export class DryRuns {
  readonly #itemsMax: number;
  #waiting: DryWork[] = [];
  #items = 0;
  #closed: LedgerFault | undefined;

  /** @param itemsMax items that may wait; beyond them work is refused at once */
  constructor(itemsMax: number) {
    this.#itemsMax = itemsMax;
  }

  /** Dry runs that wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** False: the work has been given its fault. */
  add(work: DryWork): boolean {
    const size = sizeOf(work);
    const full = this.#items > 0 && this.#items + size > this.#itemsMax;
    const fault =
      this.#closed ??
      (full ? new LedgerFault('overloaded', `${this.#items} items of dry runs wait`) : undefined);
    if (fault !== undefined) {
      work.onFault(fault);
      return false;
    }
    this.#items += size;
    this.#waiting.push(work);
    return true;
  }

  /** Runs what waits. If that fails, it gets the fault, and the error is thrown. */
  async run(rehearse: (works: readonly DryWork[]) => Promise<void>): Promise<void> {
    if (this.#waiting.length === 0) return;
    const works = this.#waiting;
    this.#waiting = [];
    this.#items = 0;
    try {
      await rehearse(works);
    } catch (error) {
      // Those that had their answer do not listen any more.
      const fault = new LedgerFault('not_applied', 'the dry run failed', error);
      for (const work of works) work.onFault(fault);
      throw error;
    }
  }

  /** Refuses all that waits and all that will come. */
  close(fault: LedgerFault): void {
    this.#closed = fault;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const work of waiting) work.onFault(fault);
  }
}

/** The second legs that the transfers of a batch would send to other books. */
export function legsOf(items: readonly TransferItem[], posted: Posted): DryLeg[] {
  const bySeq = new Map(posted.rows.map((row) => [row.seq, row]));
  return items.flatMap(({ outcome }, index) => {
    const row = bySeq.get(outcome?.seq ?? 0);
    if (row === undefined || row.peer === null || row.peer.number === null) return [];
    const debitAccountId = must(row.debitAccount, 'what is sent has a payer');
    const payer = must(posted.accounts.get(debitAccountId), 'the payer was looked at');
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

/** The command that legs would be settled by if they came next. */
export function settlementOf({ originBook, legs }: LegsWork, memory: BookMemory): SettleCommand {
  const firstNumber = memory.channel(originBook).applied + 1;
  return { kind: 'settle', originBook, firstNumber, legs };
}

/** Why each leg would be refused; UNSPECIFIED: it would be applied. */
export function reasonsOf(
  { firstNumber, legs }: SettleCommand,
  outcome: Outcome | undefined,
): Reason[] {
  const refusals = outcome?.kind === 'settle' ? outcome.refusals : [];
  const reasons = new Map(refusals.map(({ number, reason }) => [number, reason]));
  return legs.map((_, index) => reasons.get(firstNumber + index) ?? Reason.UNSPECIFIED);
}
