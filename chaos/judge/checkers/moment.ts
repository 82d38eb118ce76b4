import type { BookRead } from '../history/operation.ts';
import type { FinalBook } from './final-book.ts';

/** Where in a journal a read may have been: from one seq to another, both included. */
export interface Moment {
  readonly fromSeq: number;
  readonly throughSeq: number;
}

/**
 * When a book had every account in the version that a read has it in, not before the position that
 * the read states. `fromSeq` above `throughSeq`: never.
 */
export function momentOf(book: FinalBook, { position, accounts }: BookRead): Moment {
  let fromSeq = position.seq;
  let throughSeq = Infinity;
  for (const { account, version } of accounts) {
    const id = BigInt(account);
    const rows = book.versions.get(id) ?? [];
    const opened = book.scan.accounts.get(id)?.openedSeq ?? Infinity;
    fromSeq = Math.max(fromSeq, version === 0 ? opened : (rows[version - 1]?.seq ?? Infinity));
    throughSeq = Math.min(throughSeq, (rows[version]?.seq ?? Infinity) - 1);
  }
  return { fromSeq, throughSeq };
}
