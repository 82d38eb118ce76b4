import type {
  CreateTransferRequest,
  CreateTransferResponse,
  OpenAccountRequest,
  OpenAccountResponse,
} from '../../proto/gen/meridian/v1/ledger.ts';
import type { SettleOutcome, CloseCommand, SettleCommand } from '../core/command.ts';
import type { LedgerFault } from './ledger-fault.ts';
import type { Hints } from './recall.ts';

/**
 * What waits in the leader's queue: the unit that arrived together and is answered together.
 * Exactly one of the callbacks is called, once, after the commit or the fault.
 */
export type Work = TransferWork | OpenWork | SettleWork | CloseWork;

interface Faultable {
  /** Nothing else is called. */
  readonly onFault: (fault: LedgerFault) => void;
}

export interface TransferWork extends Faultable {
  readonly kind: 'transfers';
  readonly requests: readonly CreateTransferRequest[];
  /** Encoded size of the requests. */
  readonly bytes?: number;
  /** What Redis knows of the keys; the leader asks when the work arrives. */
  readonly hints?: Promise<Hints>;
  /** One for each request, by performance.now(): not to be started after that. */
  readonly startBefore: readonly number[];
  /** One result for each request, in the same order. */
  readonly onOutcome: (results: CreateTransferResponse[]) => void;
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
  readonly onOutcome: (results: OpenAccountResponse[]) => void;
}

export interface SettleWork extends Faultable {
  readonly kind: 'settle';
  readonly command: SettleCommand;
  readonly onOutcome: (outcome: SettleOutcome) => void;
}

export interface CloseWork extends Faultable {
  readonly kind: 'close';
  readonly command: CloseCommand;
  readonly onOutcome: () => void;
}

/** How many rows the work may lead to. */
export function sizeOf(work: Work): number {
  switch (work.kind) {
    case 'transfers':
    case 'open':
      return work.requests.length;
    case 'settle':
      return work.command.legs.length;
    case 'close':
      return work.command.refused.length;
  }
}
