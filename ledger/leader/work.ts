import type {
  ChangeAccountRequest,
  OpenAccountRequest,
} from '../../proto/gen/meridian/v1/account.ts';
import type { RegisterAssetRequest } from '../../proto/gen/meridian/v1/asset.ts';
import type { HaltedTransfer, SettleLeg } from '../../proto/gen/meridian/internal/v1/book.ts';
import type { Reason } from '../../proto/gen/meridian/v1/reason.ts';
import type {
  CreateTransferRequest,
  CreateTransferResponse,
} from '../../proto/gen/meridian/v1/transfer.ts';
import type {
  AssetCommand,
  AssetOutcome,
  ChangeCommand,
  Command,
  NotOwnedOutcome,
  OpenCommand,
  Outcome,
  TransferCommand,
} from '../core/post/command.ts';
import type { RegionBooks } from '../core/placement.ts';
import type { PlainItems, SequenceRuns } from '../core/plain/scan-plain.ts';
import type { ChangeAnswer, OpenAnswer } from './answers.ts';
import type { LedgerError } from './ledger-error.ts';
import type { Hints } from './known-outcomes.ts';
import type { Absence } from './partitions/journal-ids.ts';

/** Each kind of work; work-kinds.ts states what is done with it. */
export interface WorkByKind {
  readonly plain: PlainWork;
  readonly transfers: TransferWork;
  readonly open: OpenWork;
  readonly change: ChangeWork;
  readonly asset: AssetWork;
  readonly command: CommandWork;
  readonly proof: ProofWork;
}

export type WorkName = keyof WorkByKind;

/**
 * The unit of the leader's queue: requests that arrived together and are answered together.
 * Exactly one of the callbacks is called, once, after the commit or the failure.
 */
export type Work = WorkByKind[WorkName];

interface Failable {
  /** Nothing else is called. */
  readonly onFailure: (failure: LedgerError) => void;
}

/** Transfers of one book as they came, without an object for each of those that are plain. */
export interface PlainWork extends Failable {
  readonly kind: 'plain';
  readonly items: PlainItems;
  /** The transfers that are not plain, in their order; undefined: all are. */
  readonly others?: OtherTransfers | undefined;
  /** What the work came on, which is what has the sequences. */
  readonly stream?: object;
  /** performance.now() when it came. */
  readonly arrived: number;
  /** The plain keys that Redis has. The leader asks for them when the work arrives. */
  readonly hints?: Promise<Hints>;
  /** What the filters of the journal have shown of the plain keys when the work arrived. */
  readonly absence?: Absence | undefined;
  /** A plain transfer by its place, as a request for the general lane. */
  readonly requestOf: (place: number) => CreateTransferRequest;
  readonly onOutcome: (outcome: PlainOutcome) => void;
  /** As of a TransferWork. */
  readonly onLate: (results: LateResult[]) => void;
}

/** The transfers of a work that are not plain. */
export interface OtherTransfers {
  readonly requests: readonly CreateTransferRequest[];
  /** One for each, as of a TransferWork. */
  readonly ids?: readonly string[];
  readonly hints?: Promise<Hints>;
}

/** What became of the transfers of a work, some of which were posted by the plain lane. */
export interface PlainOutcome {
  /** Results of those, in their order, as items of BatchOutcome. */
  readonly posted: Buffer;
  /** What the general lane has decided; undefined: nothing. */
  readonly general: GeneralOutcome | undefined;
}

export interface GeneralOutcome {
  /** Indexes in the request, ascending, and one result for each. */
  readonly indexes: readonly number[];
  readonly results: readonly CreateTransferResponse[];
  readonly halted: readonly HaltedTransfer[];
}

export interface TransferWork extends Failable {
  readonly kind: 'transfers';
  /** What the work came on, which is what has the sequences. */
  readonly stream?: object;
  /** Undefined: the requests are of the sequence of the whole stream. */
  readonly runs?: SequenceRuns | undefined;
  readonly requests: readonly CreateTransferRequest[];
  /** Encoded size of the requests. */
  readonly bytes?: number;
  /** One for each request. The leader sets them, as it does the hints, when the work arrives. */
  readonly ids?: readonly string[];
  /** The keys that Redis has. */
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

export interface OpenWork extends Failable {
  readonly kind: 'open';
  readonly requests: readonly OpenAccountRequest[];
  /** As of an OpenCommand. Undefined: the router knows of no other book in the region. */
  readonly regionBooks?: RegionBooks;
  /** One result for each request, in the same order, and those that the book does not own. */
  readonly onOutcome: (results: OpenAnswer[], notOwned: readonly NotOwnedItem[]) => void;
}

/** An account that was not opened, because this book does not own its name. */
export interface NotOwnedItem {
  /** Index in the requests. */
  readonly index: number;
  readonly why: NotOwnedOutcome['why'];
}

export interface ChangeWork extends Failable {
  readonly kind: 'change';
  readonly request: ChangeAccountRequest;
  readonly onOutcome: (result: ChangeAnswer) => void;
}

export interface AssetWork extends Failable {
  readonly kind: 'asset';
  readonly request: RegisterAssetRequest;
  // A method, like that of a command.
  onOutcome(outcome: AssetOutcome): void;
}

/** A command that the ledger gives itself; its outcome is the answer. */
export interface CommandWork extends Failable {
  readonly kind: 'command';
  readonly command: Exclude<Command, TransferCommand | OpenCommand | ChangeCommand | AssetCommand>;
  // A method, for each command is answered by the outcome of its own kind alone.
  onOutcome(outcome: Outcome): void;
}

/** Asks for nothing but a commit, which only the leader of the book can make. */
export interface ProofWork extends Failable {
  readonly kind: 'proof';
  readonly onOutcome: () => void;
}

/** Each kind of dry run; dry-runs.ts states what is done with it. */
export interface DryWorkByKind {
  readonly open: OpenWork;
  readonly change: ChangeWork;
  readonly asset: AssetWork;
  readonly dryTransfers: DryTransferWork;
  readonly legs: LegsWork;
}

export type DryWorkName = keyof DryWorkByKind;

/**
 * Work that is answered as though executed, while nothing is written: requests as in
 * the works above, or second legs from another book.
 */
export type DryWork = DryWorkByKind[DryWorkName];

export interface DryTransferWork extends Failable {
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

export interface LegsWork extends Failable {
  readonly kind: 'legs';
  readonly originBook: number;
  readonly legs: readonly SettleLeg[];
  /** One for each leg; UNSPECIFIED: it would be applied. */
  readonly onOutcome: (reasons: Reason[]) => void;
}
