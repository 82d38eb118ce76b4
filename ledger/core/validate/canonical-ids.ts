import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import type { TransferFields } from './same-request.ts';

/**
 * The request with the ids it refers to (of holds, of transfers to reverse) in lower case: an id
 * is the same in every case. Keys stay as they were typed: an earlier release may have decided one
 * under an id of its case (earlierIdOf).
 */
export function withCanonicalIds(request: CreateTransferRequest): CreateTransferRequest {
  const { action } = request;
  if (action === undefined || action.$case === 'hold') return request;
  if (action.$case !== 'group') return { ...request, action: canonicalAction(action) };
  const legs = action.value.legs.map((leg) => ({ ...leg, action: canonicalAction(leg.action) }));
  return { ...request, action: { $case: 'group', value: { legs } } };
}

/** The same for an action; a group has its ids in its legs. */
function canonicalAction<Action extends TransferFields['action']>(action: Action): Action {
  switch (action?.$case) {
    case 'capture':
    case 'release': {
      const holdId = action.value.holdId.toLowerCase();
      return { ...action, value: { ...action.value, holdId } };
    }
    case 'reversal': {
      const transferId = action.value.transferId.toLowerCase();
      return { ...action, value: { ...action.value, transferId } };
    }
    case 'hold':
    case 'group':
    case undefined:
      return action;
  }
}
