import type {
  ChangeAccountRequest,
  OpenAccountRequest,
} from '../../../proto/gen/meridian/v1/account.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';

/**
 * Requests of clients and the answers that they received. Replies are plain JSON: 64-bit numbers
 * are text, times of the ledger are microseconds since 1970, words such as POSTED are those of the
 * API.
 */

export interface Position {
  readonly book: number;
  readonly epoch: number;
  readonly seq: number;
}

export interface LegReply {
  readonly transferId: string;
  readonly status: string;
  readonly reason: string;
}

/**
 * True: the router sent the call more than once, so that `replayed` may refer to its own attempt.
 * Else absent.
 */
export type Resent = true;

export interface TransferReply extends LegReply {
  /** The field that differs, if the key was used for another request. Else empty. */
  readonly differingField: string;
  readonly replayed: boolean;
  readonly resent?: Resent;
  readonly position: Position;
  readonly decidedAtMicros: number;
  /** The moved amount, if the request left it open; else "0". */
  readonly actualAmount: string;
  readonly expiresAtMicros: number | null;
  /** Legs of a group; else empty. */
  readonly legs: readonly LegReply[];
}

export interface ChangeReply {
  /** Empty: changed. */
  readonly reason: string;
  readonly replayed: boolean;
  readonly resent?: Resent;
  readonly position: Position;
}

export interface OpenReply {
  /** Empty when refused. */
  readonly accountId: string;
  readonly replayed: boolean;
  readonly resent?: Resent;
  /** Position of the row that opened it. */
  readonly position: Position;
}

/** The server that answers a read; `auditor`: a database copy itself, through its views. */
export type ReadLevel = 'leader' | 'linearizable' | 'stale' | 'auditor';

export interface ReadAsked {
  readonly level: ReadLevel;
  /** The answer must be at least as new as this; null: no bound. */
  readonly minPosition: Position | null;
}

/** Totals of one account in minor units. */
export interface AccountRead {
  readonly account: string;
  readonly version: number;
  readonly debits: string;
  readonly credits: string;
  readonly heldDebits: string;
  readonly heldCredits: string;
}

/** Accounts of one book at one moment. */
export interface BookRead {
  /** At level `auditor`: that moment. Else a lower bound of it. */
  readonly position: Position;
  /** True: every account of the book, transit accounts too. */
  readonly whole: boolean;
  readonly accounts: readonly AccountRead[];
}

/** A read of balances, of one book or more; several books are a cut of the installation. */
export interface BalancesAsked extends ReadAsked {
  readonly books: readonly number[];
  /** Ids. Absent: all accounts, at level `auditor`; else the history does not contain it. */
  readonly accounts?: readonly string[];
}

export interface StatementAsked extends ReadAsked {
  readonly account: string;
  /** Absent: from the opening of the account. */
  readonly fromMicros?: number;
}

export interface StatementEntry {
  readonly version: number;
  readonly seq: number;
  readonly side: 'debit' | 'credit';
  readonly amount: string;
  readonly debitsAfter: string;
  readonly creditsAfter: string;
}

/** All pages of a statement, concatenated, oldest first. */
export interface StatementRead {
  readonly position: Position;
  readonly opening: AccountRead;
  readonly closing: AccountRead;
  readonly entries: readonly StatementEntry[];
}

/** A piece of a subscription: of a book from a seq, or of an account from a version. */
export interface PageAsked {
  readonly book: number;
  /** Empty: the book's own. */
  readonly account: string;
  /** Begin after this seq or version. */
  readonly after: number;
}

export interface EventRead {
  readonly seq: number;
  readonly epoch: number;
  /** Number of EventKind. */
  readonly kind: number;
  /** Empty: applied. */
  readonly reason: string;
  readonly transferId: string;
  readonly amount: string;
  readonly atMicros: number;
  /** Accounts of the book that the row changed, after it. */
  readonly debit: AccountRead | null;
  readonly credit: AccountRead | null;
}

export interface PageRead {
  readonly events: readonly EventRead[];
}

export interface LookUpAsked extends ReadAsked {
  readonly book: number;
  readonly transferId: string;
}

export interface LookUpRead {
  /** The position of the book that answered. */
  readonly position: Position;
  /** Null: never seen. */
  readonly found:
    | (LegReply & {
        readonly position: Position;
        readonly actualAmount: string;
        readonly legs: readonly LegReply[];
      })
    | null;
}

/** The error of a call without an outcome. */
export interface CallFailure {
  /** gRPC status, such as UNAVAILABLE. */
  readonly code: string;
  readonly message: string;
}

/** Requests and replies, by the field `f` of a record. */
export interface Kinds {
  transfer: { value: CreateTransferRequest; reply: TransferReply };
  /** A transfer whose payee is in another book. */
  cross_book: { value: CreateTransferRequest; reply: TransferReply };
  hold: { value: CreateTransferRequest; reply: TransferReply };
  capture: { value: CreateTransferRequest; reply: TransferReply };
  release: { value: CreateTransferRequest; reply: TransferReply };
  reversal: { value: CreateTransferRequest; reply: TransferReply };
  group: { value: CreateTransferRequest; reply: TransferReply };
  change: { value: ChangeAccountRequest; reply: ChangeReply };
  open: { value: OpenAccountRequest; reply: OpenReply };
  balances: { value: BalancesAsked; reply: readonly BookRead[] };
  statement: { value: StatementAsked; reply: StatementRead };
  page: { value: PageAsked; reply: PageRead };
  look_up: { value: LookUpAsked; reply: LookUpRead };
}
export type Kind = keyof Kinds;

/**
 * One call of a client from its beginning to its end. `fail`: it was definitely not applied.
 * `info`: the outcome is unknown; it stays open to the end of the run, so `completedNs` is
 * Infinity.
 */
export interface Operation<Value = unknown, Reply = unknown> {
  /** Index of its invocation in the history. */
  readonly index: number;
  readonly f: Kind;
  /** The client that asked; after `info` it makes no further calls. */
  readonly process: number;
  /** Region of the router; for an auditor's read, of the copy. */
  readonly router: string;
  readonly value: Value;
  /** Nanoseconds since the run began, by the one monotonic clock of the harness. */
  readonly invokedNs: number;
  readonly completedNs: number;
  /** When the client got `type`; Infinity if the run ended first. */
  readonly returnedNs: number;
  readonly type: 'ok' | 'fail' | 'info';
  /** Of `ok`. */
  readonly reply: Reply | null;
  /** Of `fail` and `info`; null if the run ended first. */
  readonly fault: CallFailure | null;
}

type OperationOf<K extends Kind> = Operation<Kinds[K]['value'], Kinds[K]['reply']>;
export type TransferOperation = OperationOf<'transfer'>;
export type ChangeOperation = OperationOf<'change'>;
export type OpenOperation = OperationOf<'open'>;
export type BalancesOperation = OperationOf<'balances'>;
export type StatementOperation = OperationOf<'statement'>;
export type PageOperation = OperationOf<'page'>;
export type LookUpOperation = OperationOf<'look_up'>;

/** The operations of a run, each list in the order of its invocations. */
export interface Operations {
  readonly transfers: TransferOperation[];
  readonly changes: ChangeOperation[];
  readonly opens: OpenOperation[];
  readonly balances: BalancesOperation[];
  readonly statements: StatementOperation[];
  readonly pages: PageOperation[];
  readonly lookUps: LookUpOperation[];
}

export function noOperations(): Operations {
  return {
    transfers: [],
    changes: [],
    opens: [],
    balances: [],
    statements: [],
    pages: [],
    lookUps: [],
  };
}

/** The list that operations of a kind belong to. */
export const listOf = {
  transfer: 'transfers',
  cross_book: 'transfers',
  hold: 'transfers',
  capture: 'transfers',
  release: 'transfers',
  reversal: 'transfers',
  group: 'transfers',
  change: 'changes',
  open: 'opens',
  balances: 'balances',
  statement: 'statements',
  page: 'pages',
  look_up: 'lookUps',
} as const satisfies Record<Kind, keyof Operations>;
