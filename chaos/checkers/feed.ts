import type { EventRead, PageOperation } from '../history/operation.ts';
import { Case, type Checker } from './verdict.ts';

/**
 * I20: a subscription delivers everything, once and in order.
 *
 * Every piece of a subscription begins right after the place that it was asked to begin after,
 * and each event follows the one before it: by seq for a book, by the version of the account for
 * an account. So a consumer that resumes with what it had last has everything exactly once.
 * (That each event is the row that the journal has is I18.)
 */
export const feed: Checker = (evidence) => {
  const found = new Case();
  found.unknown(...evidence.cut);
  for (const operation of evidence.operations.pages) {
    let last = operation.value.after;
    for (const event of operation.reply?.events ?? []) {
      found.looked();
      const place = placeOf(operation, event);
      if (place === last + 1) {
        last = place;
        continue;
      }
      const what = operation.value.account === '' ? 'seq' : 'version';
      const text = `a subscription of book ${operation.value.book} goes from ${what} ${last}`;
      found.violated(`${text} to ${place ?? 'an event without it'}`, { operations: [operation] });
      break;
    }
  }
  return found.verdict();
};

function placeOf({ value }: PageOperation, { seq, debit, credit }: EventRead): number | undefined {
  if (value.account === '') return seq;
  return [debit, credit].find((state) => state?.account === value.account)?.version;
}
