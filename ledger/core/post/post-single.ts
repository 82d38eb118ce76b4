import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import type { Batch } from './batch.ts';
import type { TransferOutcome } from './command.ts';
import { type Decision, rejected } from './decision.ts';
import { NO_DETAILS, RowKind } from '../journal-row.ts';
import { amountIsOpen, transferOptions } from '../validate/options.ts';
import type { TransferFields } from '../validate/same-request.ts';
import { postCapture, postHold, postRelease } from './post-hold.ts';
import { postMovement } from './post-movement.ts';
import { postReversal } from './post-reversal.ts';
import { storedKey } from '../transfer-id.ts';

/** A transfer that is no group, and where it belongs. */
export interface Single {
  readonly id: string;
  readonly request: CreateTransferRequest & Pick<TransferFields, 'rest'>;
  /** Null: it is not a leg. */
  readonly groupId: string | null;
  /** Of a leg with `rest`: what the legs before it left of its amount. */
  readonly left?: bigint | undefined;
}

/** Decides any transfer but a group, and writes its row. */
export function postSingle(batch: Batch, single: Single): TransferOutcome {
  const { left, request } = single;
  if (left === undefined) return record(batch, single, decide(batch, single));
  // If nothing is left, the leg moves nothing.
  const rest = { ...request, amount: left, allowZero: request.allowZero || left === 0n };
  const made = decide(batch, { ...single, request: rest });
  // A rejected row keeps the amount as it was asked.
  const { reason, kind } = made;
  return record(batch, single, reason === 0 ? made : rejected(kind, reason, request));
}

function decide(batch: Batch, { id, request }: Single): Decision {
  switch (request.action?.$case) {
    case undefined:
      return postMovement(batch, request, RowKind.transfer, null);
    case 'hold':
      return postHold(batch, id, request, request.action.value.timeoutSeconds);
    case 'capture':
      return postCapture(batch, request, request.action.value);
    case 'release':
      return postRelease(batch, request, request.action.value.holdId);
    case 'reversal':
      return postReversal(batch, request, request.action.value.transferId);
    case 'group':
      throw new TypeError('a group is not a single transfer');
  }
}

/** Writes the row of a decision. `kind` is what was asked, also if it was rejected. */
function record(batch: Batch, { id, request, groupId }: Single, made: Decision): TransferOutcome {
  const { reason, amount, expiresAtMicros, drawn, peer } = made;
  const options = transferOptions(request);
  const plain = options === '' && groupId === null;
  const seq = batch.seq + 1;
  batch.completeRow({
    seq,
    epoch: batch.epoch,
    atMicros: batch.atMicros,
    id,
    kind: made.kind,
    reason,
    debitAccount: request.debitAccountId,
    creditAccount: made.creditAccount,
    amount,
    entries: made.entries,
    peer,
    originId: null,
    namespace: request.namespace,
    key: storedKey(id, request.idempotencyKey),
    asset: request.asset,
    code: request.code,
    reference: request.reference,
    metadata: request.metadata,
    details: plain ? null : { ...NO_DETAILS, options, groupId, expiresAtMicros, drawn },
  });
  const channel =
    peer === null || peer.number === null ? null : { peerBook: peer.book, number: peer.number };
  if (options === '') return { kind: 'transfer', reason, seq, channel, details: null };
  const open = reason === Reason.UNSPECIFIED && amountIsOpen(request);
  const actualAmount = open ? (amount ?? 0n) : 0n;
  return {
    kind: 'transfer',
    reason,
    seq,
    channel,
    details: { actualAmount, expiresAtMicros, legs: null },
  };
}

/** Writes the row of a leg that was not applied. */
export function rejectSingle(batch: Batch, single: Single, reason: Reason): TransferOutcome {
  const { request } = single;
  return record(batch, single, rejected(kindOf(request), reason, request));
}

function kindOf({ action }: CreateTransferRequest): RowKind {
  return action === undefined ? RowKind.transfer : RowKind[action.$case];
}
