import { bookOf } from '../../../ledger/core/account-id.ts';
import {
  accountNow,
  capturedNow,
  holdNow,
  leftToReverse,
  scaleNow,
} from '../../../ledger/testing/model/fold.ts';
import type { ModelAnswer, ModelChangeAnswer } from '../../../ledger/testing/model/model.ts';
import type {
  ModelAccount,
  ModelBook,
  ModelTransfer,
} from '../../../ledger/testing/model/model-state.ts';
import { statusNow } from '../../../ledger/testing/model/model-status.ts';
import { timestampFrom } from '../../../ledger/core/timestamp.ts';
import {
  type Account,
  type ChangeAccountResponse,
  ChangeStatus,
  Freeze,
} from '../../../proto/gen/meridian/v1/account.ts';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import {
  type CreateTransferRequest,
  type CreateTransferResponse,
  type Transfer,
  TransferStatus,
} from '../../../proto/gen/meridian/v1/transfer.ts';
import type { AccountIds } from './account-ids.ts';
import type { ModelReplay } from './model-replay.ts';

/** The answers that callers must get, from the model and the rows of the decisions. */
export class ExpectedAnswers {
  readonly #replay: ModelReplay;
  readonly #ids: AccountIds;

  constructor(replay: ModelReplay, ids: AccountIds) {
    this.#replay = replay;
    this.#ids = ids;
  }

  /** @param first true: the outcomes of the legs of a group are not known yet */
  answer(number: number, id: string, answer: ModelAnswer, first: boolean): CreateTransferResponse {
    const book = this.#replay.model.book(number);
    const { transfer, differingField, replayed } = answer;
    if (transfer === undefined || differingField !== '') {
      return {
        ...this.#decided(book, id),
        transferId: id,
        status: TransferStatus.REJECTED,
        reason: Reason.IDEMPOTENCY_KEY_REUSED,
        differingField,
        replayed: false,
        actualAmount: 0n,
        expiresAt: undefined,
        group: undefined,
        dryRun: false,
      };
    }
    return this.#response(book, transfer, replayed, first);
  }

  #response(
    book: ModelBook,
    transfer: ModelTransfer,
    replayed: boolean,
    first: boolean,
  ): CreateTransferResponse {
    const { id, request, amount, expiresAt, legs } = transfer;
    const { action, upTo, rest = false } = request;
    const isGroup = action?.$case === 'group';
    const isOpen = upTo !== 0 || rest || (request.amount === 0n && !isGroup);
    const now = statusNow(book, transfer);
    const isHeld = action?.$case === 'hold' && now.status !== TransferStatus.REJECTED;
    return {
      ...this.#decided(book, id),
      transferId: id,
      ...(isHeld ? { ...now, status: TransferStatus.HELD } : now),
      differingField: '',
      replayed,
      actualAmount: isOpen ? amount : 0n,
      expiresAt: expiresAt === null ? undefined : timestampFrom(expiresAt),
      group: isGroup
        ? {
            legs: legs.map((leg) => {
              const response = this.#response(book, leg, replayed, first);
              if (!first || leg.travel === null) return response;
              const { IN_TRANSIT } = TransferStatus;
              return { ...response, status: IN_TRANSIT, reason: Reason.UNSPECIFIED };
            }),
          }
        : undefined,
      dryRun: false,
    };
  }

  change(book: number, id: string, answer: ModelChangeAnswer): ChangeAccountResponse {
    const { reason, differingField, replayed } = answer;
    const { REJECTED, APPLIED } = ChangeStatus;
    const status = reason === Reason.UNSPECIFIED ? APPLIED : REJECTED;
    return {
      ...this.#decided(this.#replay.model.book(book), id),
      changeId: id,
      status,
      reason,
      differingField,
      replayed,
      dryRun: false,
    };
  }

  #decided(book: ModelBook, id: string) {
    const { position, at: decidedAt } = this.#replay.decision(book.number, id);
    return { position, decidedAt };
  }

  /**
   * A transfer as a look-up returns it.
   *
   * @param key of the request; of a leg without key and namespace
   */
  transfer(
    book: ModelBook,
    transfer: ModelTransfer,
    key: Pick<CreateTransferRequest, 'idempotencyKey' | 'namespace'>,
    groupId = '',
  ): Transfer {
    const { id, reason, amount, expiresAt, payee } = transfer;
    const request = this.#ids.fields(transfer.request);
    const { debitAccountId, asset, code, reference, metadata, action, upTo, conditions } = request;
    const { allowZero } = request;
    const left = leftNow(book, transfer);
    const captured = action?.$case === 'hold' ? capturedNow(book, transfer) : 0n;
    const group = action?.$case === 'group';
    return {
      debitAccountId,
      amount: request.amount,
      asset,
      code,
      reference,
      metadata,
      upTo,
      conditions,
      idempotencyKey: key.idempotencyKey,
      namespace: key.namespace,
      ...this.#decided(book, id),
      transferId: id,
      creditAccountId:
        group || reason !== Reason.UNSPECIFIED ? request.creditAccountId : this.#ids.of(payee),
      ...statusNow(book, transfer),
      action: group ? { $case: 'group', value: { legs: [] } } : action,
      actualAmount: amount,
      left,
      capturedAmount: captured,
      releasedAmount: action?.$case === 'hold' ? amount - left - captured : 0n,
      allowZero,
      rest: transfer.request.rest ?? false,
      expiresAt: expiresAt === null ? undefined : timestampFrom(expiresAt),
      groupId,
      legs: transfer.legs.map((leg) => this.transfer(book, leg, NO_KEY, id)),
    };
  }

  /** @param opened what a real opening alone can know */
  account(
    book: ModelBook,
    account: ModelAccount,
    { homeRegion, openedAt }: Pick<Account, 'homeRegion' | 'openedAt'>,
  ): Account {
    const now = accountNow(book, account);
    return {
      id: this.#ids.of(account.id),
      externalId: account.externalId,
      homeRegion,
      book: book.name,
      asset: account.asset,
      minBalance: now.min ?? undefined,
      maxBalance: now.max ?? undefined,
      metadata: { ...now.metadata },
      debits: now.debits,
      credits: now.credits,
      balance: now.balance,
      version: BigInt(now.version),
      openedAt,
      heldDebits: now.heldDebits,
      heldCredits: now.heldCredits,
      available: now.available,
      freeze: now.frozenIn
        ? now.frozenOut
          ? Freeze.BOTH
          : Freeze.IN
        : now.frozenOut
          ? Freeze.OUT
          : Freeze.NONE,
      closed: now.closed,
      scale: scaleNow(book, account.asset),
    };
  }
}

const NO_KEY = { idempotencyKey: '', namespace: '' };

/** What can be captured of a hold, or reversed of a transfer within one book. */
function leftNow(book: ModelBook, transfer: ModelTransfer): bigint {
  const { request, reason, payee } = transfer;
  if (reason !== Reason.UNSPECIFIED) return 0n;
  switch (request.action?.$case) {
    case 'hold':
      return holdNow(book, transfer).left;
    case undefined:
    case 'capture':
      return bookOf(payee) === book.number ? leftToReverse(book, transfer, book.number) : 0n;
    case 'release':
    case 'reversal':
    case 'group':
      return 0n;
  }
}
