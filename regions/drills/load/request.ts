import { Reason, reasonToJSON } from '../../../proto/gen/meridian/v1/reason.ts';
import {
  CreateTransferRequest,
  type CreateTransferResponse,
  transferStatusToJSON,
  Wait,
} from '../../../proto/gen/meridian/v1/transfer.ts';
import { CallError } from '../../../router/client/call-error.ts';
import type { Acknowledgement, CallRequest, CallTrouble } from './call-log.ts';

/** The request that asks for it. The namespace is that of the run. */
export function requestOf(asked: CallRequest, namespace: string): CreateTransferRequest {
  return CreateTransferRequest.create({
    idempotencyKey: asked.key,
    namespace,
    debitAccountId: BigInt(asked.debitAccount),
    creditAccountId: asked.creditAccount === '' ? 0n : BigInt(asked.creditAccount),
    amount: BigInt(asked.amountMinor),
    wait: Wait.SETTLED,
    ...(asked.kind === 'hold' && { action: { $case: 'hold', value: { timeoutSeconds: 0 } } }),
    ...(asked.kind === 'capture' && {
      action: { $case: 'capture', value: { holdId: asked.holdId, final: true } },
    }),
  });
}

export function acknowledgementOf(answer: CreateTransferResponse): Acknowledgement {
  const { position, reason } = answer;
  return {
    status: transferStatusToJSON(answer.status).replace(/^TRANSFER_STATUS_/u, ''),
    reason: reason === Reason.UNSPECIFIED ? '' : reasonToJSON(reason).replace(/^REASON_/u, ''),
    transferId: answer.transferId,
    book: position?.book ?? 0,
    epoch: Number(position?.epoch ?? 0n),
    seq: Number(position?.seq ?? 0n),
    replayed: answer.replayed,
  };
}

/** Any other error is a bug of ours; whether the call was applied is then unknown. */
export function troubleOf(error: unknown): CallTrouble {
  if (error instanceof CallError) {
    return { code: error.code, outcome: error.outcome, message: error.message };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { code: 'UNKNOWN', outcome: 'unknown', message };
}
