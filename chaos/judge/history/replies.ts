import type { Timestamp } from '../../../proto/gen/google/protobuf/timestamp.ts';
import type {
  Account,
  ChangeAccountResponse,
  OpenAccountResponse,
} from '../../../proto/gen/meridian/v1/account.ts';
import type { AccountState, Event } from '../../../proto/gen/meridian/v1/event.ts';
import type { Position as ProtoPosition } from '../../../proto/gen/meridian/v1/position.ts';
import {
  type Entry,
  type GetStatementResponse,
  Side,
} from '../../../proto/gen/meridian/v1/query.ts';
import { Reason, reasonToJSON } from '../../../proto/gen/meridian/v1/reason.ts';
import {
  type CreateTransferResponse,
  type GetTransferResponse,
  TransferStatus,
  transferStatusToJSON,
} from '../../../proto/gen/meridian/v1/transfer.ts';
import type * as recorded from './operation.ts';

/** Converts answers of the API to the types of a history. */

export function transferAnswer(answer: CreateTransferResponse): recorded.TransferReply {
  const { expiresAt } = answer;
  return {
    ...legAnswer(answer),
    differingField: answer.differingField,
    ...replay(answer),
    position: position(answer.position),
    decidedAtMicros: micros(answer.decidedAt) ?? 0,
    actualAmount: String(answer.actualAmount),
    expiresAtMicros: micros(expiresAt),
    legs: (answer.group?.legs ?? []).map(legAnswer),
  };
}

export function changeAnswer(answer: ChangeAccountResponse): recorded.ChangeReply {
  const { reason } = answer;
  return { reason: reasonWord(reason), ...replay(answer), position: position(answer.position) };
}

export function openAnswer(answer: OpenAccountResponse): recorded.OpenReply {
  const { account } = answer;
  const accountId = account === undefined ? '' : String(account.id);
  return { accountId, ...replay(answer), position: position(answer.position) };
}

function replay({ replayed, resent }: Pick<CreateTransferResponse, 'replayed' | 'resent'>) {
  return resent === true ? { replayed, resent } : { replayed };
}

/** Converts an account, or its state after one of its versions. */
export function accountRead(account: Account | AccountState): recorded.AccountRead {
  return {
    account: String('id' in account ? account.id : account.accountId),
    version: Number(account.version),
    debits: String(account.debits),
    credits: String(account.credits),
    heldDebits: String(account.heldDebits),
    heldCredits: String(account.heldCredits),
  };
}

/** `pages`: all pages of one statement, oldest entries first. Throws RangeError without any. */
export function statementRead(pages: readonly GetStatementResponse[]): recorded.StatementRead {
  const [first] = pages;
  // All pages have the same values. If one differs, the checkers must see it.
  const closing = pages.at(-1)?.closing;
  if (first?.opening === undefined || closing === undefined) {
    throw new RangeError('every page of a statement has its opening and closing');
  }
  return {
    position: position(first.position),
    opening: accountRead(first.opening),
    closing: accountRead(closing),
    entries: pages.flatMap(({ entries }) => entries.map(statementEntry)),
  };
}

function statementEntry(entry: Entry): recorded.StatementEntry {
  return {
    version: Number(entry.version),
    seq: Number(entry.position?.seq ?? 0n),
    side: entry.side === Side.DEBIT ? 'debit' : 'credit',
    amount: String(entry.amount),
    debitsAfter: String(entry.debitsAfter),
    creditsAfter: String(entry.creditsAfter),
  };
}

export function eventRead(event: Event): recorded.EventRead {
  const { debitAccount: debit, creditAccount: credit } = event;
  return {
    seq: Number(event.position?.seq ?? 0n),
    epoch: Number(event.position?.epoch ?? 0n),
    kind: event.kind,
    reason: reasonWord(event.reason),
    transferId: event.transferId,
    amount: String(event.amount),
    atMicros: micros(event.at) ?? 0,
    debit: debit === undefined ? null : accountRead(debit),
    credit: credit === undefined ? null : accountRead(credit),
  };
}

/** `book`: the requested one. */
export function lookUpRead(answer: GetTransferResponse, book: number): recorded.LookUpRead {
  const { transfer, positions } = answer;
  return {
    position: position(positions.find((one) => one.book === book)),
    found:
      transfer === undefined
        ? null
        : {
            ...legAnswer(transfer),
            position: position(transfer.position),
            actualAmount: String(transfer.actualAmount),
            legs: transfer.legs.map(legAnswer),
          },
  };
}

interface Decided {
  readonly transferId: string;
  readonly status: TransferStatus;
  readonly reason: Reason;
}

function legAnswer({ transferId, status, reason }: Decided): recorded.LegReply {
  return {
    transferId,
    status: transferStatusToJSON(status).replace(/^TRANSFER_STATUS_/u, ''),
    reason: reasonWord(reason),
  };
}

export function reasonWord(reason: Reason): string {
  return reason === Reason.UNSPECIFIED ? '' : reasonToJSON(reason).replace(/^REASON_/u, '');
}

function position(at: ProtoPosition | undefined): recorded.Position {
  return { book: at?.book ?? 0, epoch: Number(at?.epoch ?? 0n), seq: Number(at?.seq ?? 0n) };
}

function micros(at: Timestamp | undefined): number | null {
  return at === undefined ? null : Number(at.seconds) * 1_000_000 + Math.round(at.nanos / 1_000);
}
