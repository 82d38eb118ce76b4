import {
  type ChangeAccountResponse,
  ChangeStatus,
  type OpenAccountRequest,
  type OpenAccountResponse,
} from '../../proto/gen/meridian/v1/account.ts';
import type { Position } from '../../proto/gen/meridian/v1/position.ts';
import { Reason } from '../../proto/gen/meridian/v1/reason.ts';
import {
  type CreateTransferRequest,
  type CreateTransferResponse,
  TransferStatus,
} from '../../proto/gen/meridian/v1/transfer.ts';
import type { ChangeOutcome, OpenOutcome, TransferOutcome } from '../core/post/command.ts';
import { amountIsOpen } from '../core/validate/options.ts';
import { legRequest } from '../core/post/post-group.ts';
import {
  differingRecoveredField,
  differingTransferField,
  openedAs,
  type TransferFields,
} from '../core/validate/same-request.ts';
import { timestampFrom } from '../core/timestamp.ts';
import type { Book } from '../core/book.ts';
import type { StoredChange } from '../store/stored-records.ts';
import { openedAccount } from '../store/opened-account.ts';
import type { StoredTransfer } from '../store/stored-records.ts';

/** The fields that all answers of a batch share. */
export interface BatchStamp {
  readonly book: Book;
  readonly epoch: number;
  readonly atMicros: number;
  /** `atMicros` as callers see it. */
  readonly decidedAt: CreateTransferResponse['decidedAt'];
}

/** When and where something was decided. */
export type DecidedAt = Pick<CreateTransferResponse, 'position' | 'decidedAt'>;

/**
 * The answer to an opening. Whether it is that of a dry run is added by the service: the two are
 * made in the same way.
 */
export type OpenAnswer = Omit<OpenAccountResponse, 'dryRun'>;

/** The answer to a change, likewise. */
export type ChangeAnswer = Omit<ChangeAccountResponse, 'dryRun'>;

/** The answer to a transfer, which a batch has decided or which its key has already. */
export interface TransferAnswer {
  readonly response: CreateTransferResponse;
  /** Set while it is in transit. */
  readonly channel: StoredTransfer['channel'];
  /** The book it would go to, whose channel has diverged: it was neither applied nor recorded. */
  readonly haltedPeer?: number;
}

function positionOf(stamp: BatchStamp, seq: number): Position {
  return { book: stamp.book.number, epoch: BigInt(stamp.epoch), seq: BigInt(seq) };
}

/** The answer to a transfer that a batch has decided. */
export function transferAnswer(
  id: string,
  request: CreateTransferRequest,
  outcome: TransferOutcome,
  stamp: BatchStamp,
): TransferAnswer {
  const { reason, seq, channel, details } = outcome;
  const legs = details?.legs ?? null;
  const requests =
    legs !== null && request.action?.$case === 'group' ? request.action.value.legs : [];
  return {
    response: {
      transferId: id,
      status: statusOf(request, outcome),
      reason,
      differingField: '',
      replayed: false,
      position: positionOf(stamp, seq),
      decidedAt: stamp.decidedAt,
      actualAmount: details?.actualAmount ?? 0n,
      expiresAt:
        details === null || details.expiresAtMicros === null
          ? undefined
          : timestampFrom(details.expiresAtMicros),
      group:
        legs === null
          ? undefined
          : {
              legs: requests.flatMap((leg, index) => {
                const made = legs[index];
                if (made === undefined) return [];
                return [transferAnswer(made.id, legRequest(leg), made.outcome, stamp).response];
              }),
            },
      dryRun: false,
    },
    channel,
  };
}

function statusOf(
  { action }: TransferFields,
  { reason, channel }: TransferOutcome,
): TransferStatus {
  if (reason !== Reason.UNSPECIFIED) return TransferStatus.REJECTED;
  if (action?.$case === 'hold') return TransferStatus.HELD;
  if (action?.$case === 'release') return TransferStatus.RELEASED;
  return channel === null ? TransferStatus.POSTED : TransferStatus.IN_TRANSIT;
}

/** The answer to a request whose key the journal has: its outcome, or what differs. */
export function recordedAnswer(
  request: CreateTransferRequest,
  stored: StoredTransfer,
): TransferAnswer {
  const { transfer, channel, recovered } = stored;
  const field = recovered
    ? differingRecoveredField(stored.request, request)
    : differingTransferField(stored.request, request);
  if (field !== '') {
    return { response: reusedKey(transfer.transferId, field, transfer), channel: null };
  }
  const response = replayedResponse(stored);
  return { response, channel: response.status === TransferStatus.IN_TRANSIT ? channel : null };
}

/** A hold, and a transfer whose amount was open, are answered as when they were decided. */
function replayedResponse({ transfer, request, legs }: StoredTransfer): CreateTransferResponse {
  const { transferId, reason, position, decidedAt, status } = transfer;
  const held = request.action?.$case === 'hold' && status !== TransferStatus.REJECTED;
  const open = amountIsOpen(request) && status !== TransferStatus.REJECTED;
  return {
    transferId,
    status: held ? TransferStatus.HELD : status,
    reason,
    differingField: '',
    replayed: true,
    position,
    decidedAt,
    actualAmount: open ? transfer.actualAmount : 0n,
    expiresAt: transfer.expiresAt,
    group: legs === null ? undefined : { legs: legs.map(replayedResponse) },
    dryRun: false,
  };
}

/** The answer to a key that was used before for something else. */
export function reusedKey(
  transferId: string,
  differingField: string,
  { position, decidedAt }: DecidedAt,
): CreateTransferResponse {
  return {
    transferId,
    status: TransferStatus.REJECTED,
    reason: Reason.IDEMPOTENCY_KEY_REUSED,
    differingField,
    replayed: false,
    position,
    decidedAt,
    actualAmount: 0n,
    expiresAt: undefined,
    group: undefined,
    dryRun: false,
  };
}

/** The answer to an opening that a batch has decided. */
export function openAnswer(
  request: OpenAccountRequest,
  { account, scale, reason, seq }: OpenOutcome,
  stamp: BatchStamp,
): OpenAnswer {
  const { book, atMicros } = stamp;
  return {
    account:
      account === null
        ? undefined
        : openedAccount(book, account.id, request.externalId, openedAs(request), atMicros, scale),
    replayed: false,
    differingField: '',
    position: positionOf(stamp, seq),
    reason,
  };
}

/** The answer to an opening of an account that this book does not own. */
export const NOT_OWNED: OpenAnswer = {
  account: undefined,
  replayed: false,
  differingField: '',
  position: undefined,
  reason: Reason.UNSPECIFIED,
};

/** The answer to a change that a batch has decided. */
export function changeAnswer(
  id: string,
  { reason, seq }: ChangeOutcome,
  stamp: BatchStamp,
): ChangeAnswer {
  return {
    changeId: id,
    status: changeStatus(reason),
    reason,
    differingField: '',
    replayed: false,
    position: positionOf(stamp, seq),
    decidedAt: stamp.decidedAt,
  };
}

/** The answer to a change whose key the journal has. */
export function recordedChangeAnswer(
  id: string,
  { reason, position, decidedAt }: StoredChange,
  differingField: string,
): ChangeAnswer {
  if (differingField !== '') return reusedChangeKey(id, differingField, { position, decidedAt });
  const status = changeStatus(reason);
  return {
    changeId: id,
    status,
    reason,
    differingField,
    replayed: true,
    position,
    decidedAt,
  };
}

/** The answer to a change whose key was used before for something else. */
export function reusedChangeKey(
  id: string,
  differingField: string,
  { position, decidedAt }: DecidedAt,
): ChangeAnswer {
  return {
    changeId: id,
    status: ChangeStatus.REJECTED,
    reason: Reason.IDEMPOTENCY_KEY_REUSED,
    differingField,
    replayed: false,
    position,
    decidedAt,
  };
}

function changeStatus(reason: Reason): ChangeStatus {
  return reason === Reason.UNSPECIFIED ? ChangeStatus.APPLIED : ChangeStatus.REJECTED;
}

/** Of what was neither applied nor recorded. */
const NOT_APPLIED: CreateTransferResponse = {
  transferId: '',
  status: TransferStatus.UNSPECIFIED,
  reason: Reason.UNSPECIFIED,
  differingField: '',
  replayed: false,
  position: undefined,
  decidedAt: undefined,
  actualAmount: 0n,
  expiresAt: undefined,
  group: undefined,
  dryRun: false,
};

/** The answer to a request whose caller no longer waits. */
export const TOO_LATE: TransferAnswer = { response: NOT_APPLIED, channel: null };

/** The answer to a transfer that would leave by a channel which has diverged. */
export function haltedAnswer(peerBook: number): TransferAnswer {
  return { response: NOT_APPLIED, channel: null, haltedPeer: peerBook };
}
