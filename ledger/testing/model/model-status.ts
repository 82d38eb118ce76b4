import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import { TransferStatus } from '../../../proto/gen/meridian/v1/transfer.ts';
import { holdNow } from './fold.ts';
import type { ModelBook, ModelTransfer } from './model-state.ts';

/** The status of a transfer as its payer's book knows it now. */
export interface ModelStatus {
  readonly status: TransferStatus;
  readonly reason: Reason;
}

export function statusNow(book: ModelBook, transfer: ModelTransfer): ModelStatus {
  const { request, reason, travel } = transfer;
  const { verdict = Reason.UNSPECIFIED, closed = true } = travel ?? {};
  if (reason !== Reason.UNSPECIFIED) return { status: TransferStatus.REJECTED, reason };
  if (!closed) return { status: TransferStatus.IN_TRANSIT, reason };
  if (verdict !== Reason.UNSPECIFIED) return { status: TransferStatus.RETURNED, reason: verdict };
  if (request.action?.$case === 'release') return { status: TransferStatus.RELEASED, reason };
  if (request.action?.$case === 'hold') {
    const { end } = holdNow(book, transfer);
    return { status: end === undefined ? TransferStatus.HELD : ENDED[end], reason };
  }
  return { status: TransferStatus.POSTED, reason };
}

const ENDED = {
  captured: TransferStatus.CAPTURED,
  released: TransferStatus.RELEASED,
  expired: TransferStatus.EXPIRED,
} as const;
