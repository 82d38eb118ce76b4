import type {
  ChangeAccountRequest,
  ChangeAccountResponse,
  OpenAccountRequest,
  OpenAccountResponse,
} from '../../proto/gen/meridian/v1/account.ts';
import type { RegisterAssetRequest } from '../../proto/gen/meridian/v1/asset.ts';
import type { HaltedTransfer, SettleLeg } from '../../proto/gen/meridian/internal/v1/book.ts';
import type { Reason } from '../../proto/gen/meridian/v1/reason.ts';
import type {
  CreateTransferRequest,
  CreateTransferResponse,
} from '../../proto/gen/meridian/v1/transfer.ts';
import type {
  AssetOutcome,
  CloseCommand,
  DivergeCommand,
  ExpireCommand,
  NotOwnedOutcome,
  RecoverCommand,
  RehashCommand,
  SettleCommand,
  SettleOutcome,
} from '../core/post/command.ts';
import type { RegionBooks } from '../core/placement.ts';
import { rowsOfAll } from '../core/validate/request-rows.ts';
import type { LedgerFault } from './ledger-fault.ts';
import type { Hints } from './recall.ts';

/**
 * The unit of the leader's queue: requests that arrived together and are answered together.
 * Exactly one of the callbacks is called, once, after the commit or the fault.
 */
export type Work =
  | TransferWork
  | OpenWork
  | ChangeWork
  | AssetWork
  | SettleWork
  | CloseWork
  | ChannelWork
  | ExpireWork
  | ProofWork;

interface Faultable {
  /** Nothing else is called. */
  readonly onFault: (fault: LedgerFault) => void;
}

export interface TransferWork extends Faultable {
  readonly kind: 'transfers';
  readonly requests: readonly CreateTransferRequest[];
  /** Encoded size of the requests. */
  readonly bytes?: number;
  /** The keys that Redis has; the leader asks when the work arrives. */
  readonly hints?: Promise<Hints>;
  /** One for each request, by performance.now(): not to be started after that. */
  readonly startBefore: readonly number[];
  /** One result for each request, in the same order. */
  readonly onOutcome: (
    results: CreateTransferResponse[],
    halted: readonly HaltedTransfer[],
  ) => void;
  /** The final outcomes of those answered IN_TRANSIT, as they come; may be called often. */
  readonly onLate: (results: LateResult[]) => void;
}

export interface LateResult {
  /** Index in the requests. */
  readonly index: number;
  readonly result: CreateTransferResponse;
}

export interface OpenWork extends Faultable {
  readonly kind: 'open';
  readonly requests: readonly OpenAccountRequest[];
  /** As of an OpenCommand. Undefined: the router knows of no other book in the region. */
  readonly regionBooks?: RegionBooks;
  /** One result for each request, in the same order, and those that the book does not own. */
  readonly onOutcome: (results: OpenAccountResponse[], notOwned: readonly NotOwnedItem[]) => void;
}

/** An account that was not opened, because this book does not own its name. */
export interface NotOwnedItem {
  /** Index in the requests. */
  readonly index: number;
  readonly why: NotOwnedOutcome['why'];
}

export interface ChangeWork extends Faultable {
  readonly kind: 'change';
  readonly request: ChangeAccountRequest;
  readonly onOutcome: (result: ChangeAccountResponse) => void;
}

export interface AssetWork extends Faultable {
  readonly kind: 'asset';
  readonly request: RegisterAssetRequest;
  readonly onOutcome: (outcome: AssetOutcome) => void;
}

export interface SettleWork extends Faultable {
  readonly kind: 'settle';
  readonly command: SettleCommand;
  readonly onOutcome: (outcome: SettleOutcome) => void;
}

/** Keeps the two ends of a channel in agreement; done even by a book that posts nothing. */
export interface ChannelWork extends Faultable {
  readonly kind: 'channel';
  readonly command: DivergeCommand | RehashCommand | RecoverCommand;
  readonly onOutcome: () => void;
}

export interface CloseWork extends Faultable {
  readonly kind: 'close';
  readonly command: CloseCommand;
  readonly onOutcome: () => void;
}

export interface ExpireWork extends Faultable {
  readonly kind: 'expire';
  readonly command: ExpireCommand;
  readonly onOutcome: () => void;
}

/** Asks for nothing but a commit, which only the leader of the book can make. */
export interface ProofWork extends Faultable {
  readonly kind: 'proof';
  readonly onOutcome: () => void;
}

/**
 * Work that is answered as though executed, while nothing is written: requests as in
 * the works above, or second legs from another book.
 */
export type DryWork = DryTransferWork | OpenWork | ChangeWork | AssetWork | LegsWork;

export interface DryTransferWork extends Faultable {
  readonly kind: 'dryTransfers';
  readonly requests: readonly CreateTransferRequest[];
  /** One result for each request, and the legs that would be sent to other books. */
  readonly onOutcome: (
    results: CreateTransferResponse[],
    sent: readonly DryLeg[],
    halted: readonly HaltedTransfer[],
  ) => void;
}

/** A second leg that a transfer would lead to. */
export interface DryLeg {
  /** Index in the requests. */
  readonly index: number;
  readonly peerBook: number;
  readonly leg: SettleLeg;
}

export interface LegsWork extends Faultable {
  readonly kind: 'legs';
  readonly originBook: number;
  readonly legs: readonly SettleLeg[];
  /** One for each leg; UNSPECIFIED: it would be applied. */
  readonly onOutcome: (reasons: Reason[]) => void;
}

/** How many rows the work may lead to, about. */
export function sizeOf(work: Work | DryWork): number {
  switch (work.kind) {
    case 'transfers':
    case 'dryTransfers':
      return rowsOfAll(work.requests);
    case 'open':
      return work.requests.length;
    case 'settle':
      return work.command.legs.length;
    case 'close':
      return work.command.refused.length;
    case 'expire':
      return work.command.holds.length;
    case 'legs':
      return work.legs.length;
    case 'channel':
      return sizeOfCommand(work.command);
    case 'change':
    case 'asset':
      return 1;
    case 'proof':
      return 0;
  }
}

function sizeOfCommand(command: ChannelWork['command']): number {
  if (command.kind !== 'recover') return 0;
  return command.undone.length + command.sent.length + command.arrived.length;
}
