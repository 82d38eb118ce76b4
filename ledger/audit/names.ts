import type { ScannedBook } from './channel-audit.ts';
import type { Findings } from './findings.ts';

/**
 * An external id is open in one book of a region at most (I27): callers find an account by it, and
 * money would be paid into either of two. Transit accounts are each book's own.
 */
export function checkNames(books: readonly ScannedBook[], findings: Findings): void {
  for (const inRegion of Map.groupBy(books, ({ head }) => head.region).values()) {
    // The names of the last book are only looked up.
    const places = new Map<string, ScannedBook>();
    for (const [index, book] of inRegion.entries()) {
      const isLast = index === inRegion.length - 1;
      for (const { externalId, transit, openedSeq } of book.scan.accounts.values()) {
        if (transit) continue;
        const other = places.get(externalId);
        if (other === undefined) {
          if (!isLast) places.set(externalId, book);
          continue;
        }
        const place = `${other.head.name}, ${book.head.name}`;
        const text = `account ${JSON.stringify(externalId)} is open in both books of the region`;
        findings.add('I27', place, openedSeq, text);
      }
    }
  }
}
