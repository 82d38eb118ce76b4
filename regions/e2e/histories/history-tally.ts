import type { Model } from '../../../ledger/testing/model/model.ts';
import { statusNow } from '../../../ledger/testing/model/model-status.ts';
import { OutcomeCoverage } from '../../../ledger/testing/history/outcome-coverage.ts';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import { transferStatusToJSON } from '../../../proto/gen/meridian/v1/transfer.ts';

/** Counts what the histories contained, so that a test that tests nothing is noticed. */
export class HistoryTally {
  readonly outcomes = new OutcomeCoverage();
  readonly #counts = new Map<string, number>();

  count(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  /** Counts the outcomes of all transfers and changes of a history. */
  countAll({ books }: Model): void {
    for (const book of books) {
      for (const transfer of book.transfers) {
        const { status, reason } = statusNow(book, transfer);
        this.outcomes.count(transferStatusToJSON(status).replace('TRANSFER_STATUS_', ''), reason);
      }
      for (const { reason } of book.changes) {
        this.outcomes.count(reason === Reason.UNSPECIFIED ? 'CHANGED' : 'NOT_CHANGED', reason);
      }
    }
  }

  text(): string {
    const counts = [...this.#counts].map(([what, count]) => `${count} ${what}`);
    return `${counts.join(', ')}\noutcomes not had: ${this.outcomes.missing().join(', ') || 'none'}`;
  }
}
