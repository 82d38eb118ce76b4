import { bookOf } from '../../../ledger/core/account-id.ts';
import { transferIdOf } from '../../../ledger/core/transfer-id.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import type {
  ChangeOperation,
  OpenOperation,
  Operations,
  TransferOperation,
} from '../history/operation.ts';

/** Names that group calls for the same transfer, change or opening, by their keys. */

/** The book that decides a transfer: that of its payer. */
export function decidingBook(request: CreateTransferRequest): number {
  const { action } = request;
  const payer =
    action?.$case === 'group' ? action.value.legs[0]?.debitAccountId : request.debitAccountId;
  return bookOf(payer ?? 0n);
}

/** The name of a transfer, or a change of an account, in a book. */
export function callName(book: number, id: string): string {
  return `${book} ${id}`;
}

/** The book and the id in a name made by `callName`. */
export function namedBy(name: string): { number: number; id: string } {
  const [number, id = ''] = name.split(' ');
  return { number: Number(number), id };
}

/** The name of an opening. */
export function openName(region: string, externalId: string): string {
  return `${region} ${externalId}`;
}

export function transferCalls({ transfers }: Operations): Map<string, TransferOperation[]> {
  return Map.groupBy(wet(transfers), ({ value }) =>
    callName(decidingBook(value), transferIdOf(value.namespace, value.idempotencyKey)),
  );
}

export function changeCalls({ changes }: Operations): Map<string, ChangeOperation[]> {
  return Map.groupBy(wet(changes), ({ value: { accountId, namespace, idempotencyKey } }) =>
    callName(bookOf(accountId), transferIdOf(namespace, idempotencyKey)),
  );
}

export function openCalls({ opens }: Operations): Map<string, OpenOperation[]> {
  return Map.groupBy(wet(opens), ({ value }) => openName(value.homeRegion, value.externalId));
}

/** All operations except dry runs. */
function wet<Call extends TransferOperation | ChangeOperation | OpenOperation>(
  calls: readonly Call[],
): Call[] {
  return calls.filter(({ value }) => !value.dryRun);
}
