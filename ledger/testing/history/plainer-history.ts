import { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import { accountId, accountNumberOf, bookOf } from '../../core/account-id.ts';
import { transferIdOf } from '../../core/transfer-id.ts';
import type { RandomHistory } from './random-history.ts';

/**
 * The same history with nearly all plain transfers, and most holds, such that the plain lane may take
 * them: a UUID as their key, and nothing else than two accounts of one book and an amount.
 */
export function plainer(history: RandomHistory): RandomHistory {
  const ids = new Map<string, string>();
  const steps = history.steps.map((step, place) => {
    if (step.kind !== 'transfer') return step;
    const { request } = step;
    const { action, debitAccountId, amount } = request;
    const moves = action === undefined || action.$case === 'hold';
    const number = accountNumberOf(request.creditAccountId) || 1;
    const creditAccountId = accountId(bookOf(debitAccountId) || 1, number);
    if (moves && amount > 0n && creditAccountId !== debitAccountId && place % 8 !== 0) {
      return { ...step, request: bare({ ...request, creditAccountId }, ids) };
    }
    return { ...step, request: { ...request, action: renamed(action, ids) } };
  });
  return { ...history, steps };
}

function bare(request: CreateTransferRequest, ids: Map<string, string>): CreateTransferRequest {
  const { namespace, idempotencyKey } = request;
  const id = transferIdOf(namespace, idempotencyKey);
  // An id that the ledger has derived becomes one that a caller has made.
  const key = `${id.slice(0, 14)}7${id.slice(15)}`;
  ids.set(id, key);
  const { debitAccountId, creditAccountId, amount, wait } = request;
  const fields = { idempotencyKey: key, debitAccountId, creditAccountId, amount, wait };
  return Object.assign(CreateTransferRequest.create(), fields);
}

/** Reversals name the transfers by their new ids. */
function renamed(
  action: CreateTransferRequest['action'],
  ids: ReadonlyMap<string, string>,
): CreateTransferRequest['action'] {
  if (action?.$case !== 'reversal') return action;
  const { transferId } = action.value;
  return { $case: 'reversal', value: { transferId: ids.get(transferId) ?? transferId } };
}
