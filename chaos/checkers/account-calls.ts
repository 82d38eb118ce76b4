import { bookOf } from '../../ledger/core/account-id.ts';
import { transferIdOf } from '../../ledger/core/transfer-id.ts';
import type { ChangeOperation, OpenOperation } from '../history/operation.ts';
import { callName, type Evidence } from './evidence.ts';

/** Calls that ask to change accounts, by book and change: `callName`. Dry runs are left out. */
export function changeCalls({ operations }: Evidence): Map<string, ChangeOperation[]> {
  const asked = operations.changes.filter(({ value }) => !value.dryRun);
  return Map.groupBy(asked, ({ value: { accountId, namespace, idempotencyKey } }) =>
    callName(bookOf(accountId), transferIdOf(namespace, idempotencyKey)),
  );
}

/**
 * Calls that ask to open accounts, by the region and the external id that they name: `openName`.
 * Dry runs are left out.
 */
export function openCalls({ operations }: Evidence): Map<string, OpenOperation[]> {
  const asked = operations.opens.filter(({ value }) => !value.dryRun);
  return Map.groupBy(asked, ({ value }) => openName(value.homeRegion, value.externalId));
}

export function openName(region: string, externalId: string): string {
  return `${region} ${externalId}`;
}

/** The region that each book is at home in, by number. */
export function homeRegions({ header }: Evidence): Map<number, string> {
  return new Map(header.books.map(({ number, region }) => [number, region]));
}
