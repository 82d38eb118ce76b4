import type {
  CreateTransferRequest,
  OpenAccountRequest,
  Reason,
} from '../../proto/gen/meridian/v1/ledger.ts';
import type { SettleLeg } from '../../proto/gen/meridian/internal/v1/book.ts';
import type { Account } from './account.ts';

/** What can be asked of a book. Requests have been validated (validate.ts). */
export type Command = TransferCommand | OpenCommand | SettleCommand | CloseCommand;

/** Post a transfer whose payer lives in this book. */
export interface TransferCommand {
  readonly kind: 'transfer';
  /** transferIdOf(namespace, key). */
  readonly id: string;
  readonly request: CreateTransferRequest;
}

/** Open an account. Its external id is not in use in this book. */
export interface OpenCommand {
  readonly kind: 'open';
  readonly request: OpenAccountRequest;
}

/** Apply the second legs of transfers from another book; the first has `firstNumber`. */
export interface SettleCommand {
  readonly kind: 'settle';
  readonly originBook: number;
  readonly firstNumber: number;
  readonly legs: readonly SettleLeg[];
}

/** Take note that another book has answered every leg up to `through`. */
export interface CloseCommand {
  readonly kind: 'close';
  readonly peerBook: number;
  readonly through: number;
  /** The legs that it refused, in order, which must be returned to their payers. */
  readonly refused: readonly RefusedLeg[];
}

export interface RefusedLeg {
  readonly number: number;
  readonly reason: Reason;
  readonly leg: SettleLeg;
}

/** What became of a command. */
export type Outcome = TransferOutcome | OpenOutcome | SettleOutcome | CloseOutcome;

export interface TransferOutcome {
  readonly kind: 'transfer';
  /** UNSPECIFIED: posted. */
  readonly reason: Reason;
  /** Of the row that decided it. */
  readonly seq: number;
  /** Where the second leg goes; null within one book, or when rejected. */
  readonly channel: { readonly peerBook: number; readonly number: number } | null;
}

export interface OpenOutcome {
  readonly kind: 'open';
  readonly account: Account;
  readonly seq: number;
}

export interface SettleOutcome {
  readonly kind: 'settle';
  /** False: the legs do not begin right after the last applied one; nothing was applied. */
  readonly inOrder: boolean;
  readonly appliedThrough: number;
  readonly refusals: readonly { readonly number: number; readonly reason: Reason }[];
}

export interface CloseOutcome {
  readonly kind: 'close';
  readonly settledThrough: number;
}
