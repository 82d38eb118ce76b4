import type { Account } from '../../proto/gen/meridian/v1/account.ts';
import type { Book } from '../core/book.ts';
import type { OpenedAs } from '../core/validate/same-request.ts';
import { accountFrom, NO_TOTALS } from './account-row.ts';

/**
 * An account at the moment of its opening, as callers see it.
 *
 * @param scale of the registered asset; undefined if it was not registered
 */
export function openedAccount(
  book: Book,
  id: bigint,
  externalId: string,
  openedAs: OpenedAs,
  atMicros: number,
  scale?: number,
): Account {
  const row = {
    id,
    external_id: externalId,
    asset: openedAs.asset,
    scale: scale ?? null,
    min_balance: openedAs.minBalance,
    max_balance: openedAs.maxBalance,
    flags: 0,
    metadata: { ...openedAs.metadata },
    opened_micros: BigInt(atMicros),
  };
  return accountFrom(row, NO_TOTALS, book);
}
