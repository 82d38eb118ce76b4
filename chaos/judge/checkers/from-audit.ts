import type { Invariant } from '../../../ledger/audit/findings.ts';
import type { Evidence } from './evidence.ts';
import type { Case } from './verdict.ts';

/** Takes over the findings of the audit of the final journals about an invariant. */
export function takeFindings(found: Case, { books }: Evidence, invariant: Invariant): void {
  for (const { name, number, findings, rows } of books.values()) {
    found.looked(rows.length);
    const own = findings.kept.filter((one) => one.invariant === invariant);
    // Only a few findings are kept, but all are counted: the rest with the first.
    let uncounted = findings.count(invariant, name) - own.length;
    for (const { seq, text } of own) {
      const row = rows[seq - 1]?.seq === seq ? rows[seq - 1] : undefined;
      const shown = row === undefined ? [] : [{ book: number, row }];
      found.violated(`${name}, seq ${seq}: ${text}`, { rows: shown }, 1 + uncounted);
      uncounted = 0;
    }
  }
}
