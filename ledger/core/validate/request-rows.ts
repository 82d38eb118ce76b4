import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';

/** How many rows of the journal a transfer leads to, opened transit accounts aside. */
export function rowsOf({ action }: CreateTransferRequest): number {
  return action?.$case === 'group' ? action.value.legs.length + 1 : 1;
}

/** The same of several. */
export function rowsOfAll(requests: readonly CreateTransferRequest[]): number {
  let rows = 0;
  for (const request of requests) rows += rowsOf(request);
  return rows;
}
