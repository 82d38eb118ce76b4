import type { BookRead } from '../history/operation.ts';
import type { FinalBook } from './final-book.ts';

/** Range of seqs in a journal at which a read may have taken place, inclusive. */
export interface PossibleSeqs {
  readonly fromSeq: number;
  readonly throughSeq: number;
}

/**
 * Returns when a book had every account in the version of a read, not before the position that the
 * read states. `fromSeq` above `throughSeq`: never.
 */
export function momentOf(book: FinalBook, { position, accounts }: BookRead): PossibleSeqs {
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
