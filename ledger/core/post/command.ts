import type {
  ChangeAccountRequest,
  OpenAccountRequest,
} from '../../../proto/gen/meridian/v1/account.ts';
import type { RegisterAssetRequest } from '../../../proto/gen/meridian/v1/asset.ts';
import type { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import type { SettleLeg } from '../../../proto/gen/meridian/internal/v1/book.ts';
import type { Account } from '../account.ts';
import type { ChannelHash, Divergence } from '../channel.ts';
import type { RegionBooks } from '../placement.ts';

/** Each kind of command to a book, and what posting it comes to. */
export interface CommandKinds {
  readonly transfer: Kind<TransferCommand, TransferOutcome | HaltedOutcome>;
  readonly open: Kind<OpenCommand, OpenOutcome | NotOwnedOutcome>;
  readonly change: Kind<ChangeCommand, ChangeOutcome>;
  readonly asset: Kind<AssetCommand, AssetOutcome>;
  readonly settle: Kind<SettleCommand, SettleOutcome>;
  readonly close: Kind<CloseCommand, CloseOutcome>;
  readonly diverge: Kind<DivergeCommand, ChannelOutcome>;
  readonly rehash: Kind<RehashCommand, ChannelOutcome>;
  readonly recover: Kind<RecoverCommand, ChannelOutcome>;
  readonly expire: Kind<ExpireCommand, ExpireOutcome>;
}

interface Kind<C, O> {
  readonly command: C;
  readonly outcome: O;
}

export type CommandName = keyof CommandKinds;
export type CommandOf<K extends CommandName> = CommandKinds[K]['command'];
export type OutcomeOf<K extends CommandName> = CommandKinds[K]['outcome'];

/** A command to a book. Requests have been validated (validate.ts). */
export type Command = CommandOf<CommandName>;

/** The outcome of a command. */
export type Outcome = OutcomeOf<CommandName>;

/** Make a transfer, of any action, whose payer lives in this book. */
export interface TransferCommand {
  readonly kind: 'transfer';
  /** transferIdOf(namespace, key). */
  readonly id: string;
  readonly request: CreateTransferRequest;
}

/** Open an account, if this book owns its external id, which is not in use in this book. */
export interface OpenCommand {
  readonly kind: 'open';
  readonly request: OpenAccountRequest;
  /**
   * The books of the region that the router knows; it has asked all that owned the name before this
   * one. Empty: it knows of no others.
   */
  readonly regionBooks: RegionBooks;
}

/** Change an account of this book. */
export interface ChangeCommand {
  readonly kind: 'change';
  /** transferIdOf(namespace, key). */
  readonly id: string;
  readonly request: ChangeAccountRequest;
}

/** Register an asset. */
export interface AssetCommand {
  readonly kind: 'asset';
  readonly request: RegisterAssetRequest;
}

/** Apply the second legs of transfers from another book; the first has `firstNumber`. */
export interface SettleCommand {
  readonly kind: 'settle';
  readonly originBook: number;
  readonly firstNumber: number;
  readonly legs: readonly SettleLeg[];
  /** Of the legs before the first, as their book has them; undefined: not reported. */
  readonly hashBefore?: string | undefined;
  /** What legs captured in their own book, by their numbers. Undefined: none is a capture. */
  readonly captures?: ReadonlyMap<number, CaptureOf> | undefined;
}

/** Take note that another book has answered every leg up to `through`. */
export interface CloseCommand {
  readonly kind: 'close';
  readonly peerBook: number;
  readonly through: number;
  /** The legs that it refused, in order, which must be returned to their payers. */
  readonly refused: readonly RefusedLeg[];
  /** Of the legs through `through`; undefined: the hash is not known yet. */
  readonly hash?: string | undefined;
  /** The final captures that it applied, in order: what they left of their holds is freed. */
  readonly finals: readonly FinalCapture[];
}

export interface RefusedLeg {
  readonly number: number;
  readonly reason: Reason;
  readonly leg: SettleLeg;
  /**
   * Id of the row of this book that the leg drew on, as a reversal does; null: none. Undefined:
   * as its content states.
   */
  readonly drawn?: string | null | undefined;
  /** Null: it is no capture. */
  readonly capture: CaptureOf | null;
}

/** What a capture drew on. */
export interface CaptureOf {
  readonly holdId: string;
  /** True: what it left of the hold is freed as soon as it is applied. */
  readonly final: boolean;
}

export interface FinalCapture {
  readonly number: number;
  readonly transferId: string;
  readonly holdId: string;
}

/** Halt the channel to a book, whose ends disagree; null: let it go on, they agree again. */
export interface DivergeCommand {
  readonly kind: 'diverge';
  readonly peerBook: number;
  readonly divergence: Divergence | null;
}

/** Bring a hash of a channel forward that is behind its cursor. */
export interface RehashCommand {
  readonly kind: 'rehash';
  readonly peerBook: number;
  readonly side: 'settled' | 'applied';
  readonly hash: ChannelHash;
}

/** Book what this book has lost of a channel, as its peer knows it: part of a repair. */
export interface RecoverCommand {
  readonly kind: 'recover';
  readonly peerBook: number;
  /** Accounts that the legs name and this book has lost, in order of their ids. */
  readonly accounts: readonly LostAccount[];
  /** Legs of this book that the peer never had, and whose numbers it has for others. */
  readonly undone: readonly UndoneLeg[];
  /** Legs that left this book, by their numbers. */
  readonly sent: readonly LostLeg[];
  /** Legs that arrived, in order from the number after the last applied one. */
  readonly arrived: readonly ArrivedLeg[];
  /** Who repairs, and why. */
  readonly by: string;
  readonly why: string;
  /** True: nothing is lost any more. The channel goes on, and the journal records it. */
  readonly done: boolean;
}

export interface LostAccount {
  readonly id: bigint;
  readonly asset: string;
}

export interface UndoneLeg {
  readonly leg: SettleLeg;
  /** Both as of a RefusedLeg. */
  readonly drawn: string | null;
  readonly capture: CaptureOf | null;
  /** True: the peer has applied the same transfer under another number. */
  readonly arrivedElsewhere: boolean;
}

export interface LostLeg {
  readonly number: number;
  readonly leg: SettleLeg;
  /** Id of the row: that of the transfer, unless another row has it. */
  readonly rowId: string;
  /** False: the money has left by another row, under a number that the peer has for that. */
  readonly moves: boolean;
  /** False: it reverses nothing, or the row by which the money has left has drawn on that. */
  readonly draws: boolean;
  /** What it captured and is to capture again. Null: nothing, or that is not known. */
  readonly capture: CaptureOf | null;
}

/** A second leg with the result that its book knows; UNSPECIFIED: applied. */
export interface ArrivedLeg {
  readonly number: number;
  readonly leg: SettleLeg;
  readonly reason: Reason;
  /** What it captured in the peer's book; null: nothing, or that is not known. */
  readonly capture: CaptureOf | null;
}

/** Expire those of these holds that are still open and whose time is up. */
export interface ExpireCommand {
  readonly kind: 'expire';
  /** Ids of holds of this book. */
  readonly holds: readonly string[];
  /** Every hold up to here that had been seen has been looked at. */
  readonly swept: SweepCursor;
  readonly seen: SeenHead;
}

/** The newest row that was committed when the holds were read, and the time of its batch. */
export interface SeenHead {
  readonly seq: number;
  readonly atMicros: number;
}

/** A place in the order in which holds expire: by time, then by the row of the hold. */
export interface SweepCursor {
  readonly expiresAtMicros: number;
  readonly seq: number;
}

export interface TransferOutcome {
  readonly kind: 'transfer';
  /** UNSPECIFIED: applied. */
  readonly reason: Reason;
  /** Of the row that decided it. */
  readonly seq: number;
  /** Where the second leg goes; null within one book, or when rejected. */
  readonly channel: { readonly peerBook: number; readonly number: number } | null;
  /** The fields that a plain transfer does not have. */
  readonly details: OutcomeDetails | null;
}

export interface OutcomeDetails {
  /** The amount moved, held or freed, where the request left that open; else zero. */
  readonly actualAmount: bigint;
  /** Of a hold that expires. */
  readonly expiresAtMicros: number | null;
  /** Of a group: one for each leg, in order. */
  readonly legs: readonly LegOutcome[] | null;
}

export interface LegOutcome {
  /** Of the leg's row. */
  readonly id: string;
  readonly outcome: TransferOutcome;
}

export interface OpenOutcome {
  readonly kind: 'open';
  /** Null: refused, and not recorded. */
  readonly account: Account | null;
  /** Of its asset; undefined if that is not known. */
  readonly scale: number | undefined;
  readonly reason: Reason;
  /** Of the row that opened it; of the newest row when refused. */
  readonly seq: number;
}

/** An account that this book does not own: not opened, and not recorded. */
export interface NotOwnedOutcome {
  readonly kind: 'notOwned';
  /**
   * `elsewhere`: another book owns the name, and this one will never open it. `contradiction`: the
   * router knows other books of the region than this book was sent before.
   */
  readonly why: 'elsewhere' | 'contradiction';
}

export interface ChangeOutcome {
  readonly kind: 'change';
  /** UNSPECIFIED: applied. */
  readonly reason: Reason;
  readonly seq: number;
}

export interface AssetOutcome {
  readonly kind: 'asset';
  /** As it is registered now, by this command or before. */
  readonly scale: number;
  /** True: this command registered it. */
  readonly registered: boolean;
  /** Of the newest row, its own or not. */
  readonly seq: number;
}

export interface ExpireOutcome {
  readonly kind: 'expire';
  /** How many expired. */
  readonly expired: number;
}

export interface SettleOutcome {
  readonly kind: 'settle';
  /** False: the legs do not begin right after the last applied one; nothing was applied. */
  readonly inOrder: boolean;
  /** False: the legs before them are not those that this book has; nothing was applied. */
  readonly agrees: boolean;
  readonly appliedThrough: number;
  readonly refusals: readonly { readonly number: number; readonly reason: Reason }[];
}

export interface CloseOutcome {
  readonly kind: 'close';
  readonly settledThrough: number;
}

/** A channel was halted, let go on, caught up or repaired. */
export interface ChannelOutcome {
  readonly kind: 'channel';
}

/** A transfer that would leave by a halted channel: not applied, and not recorded. */
export interface HaltedOutcome {
  readonly kind: 'halted';
  readonly peerBook: number;
}
