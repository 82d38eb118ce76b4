import { Reason, reasonToJSON } from '../../../proto/gen/meridian/v1/reason.ts';
import {
  type CreateTransferResponse,
  TransferStatus,
} from '../../../proto/gen/meridian/v1/transfer.ts';
import type { BadLine } from './bad-line.ts';

/** How many bad lines and rejections are kept to be shown. All are counted. */
export const SHOWN_MAX = 50;

export interface Rejection {
  readonly line: number;
  readonly key: string;
  /** As in the proto, such as INSUFFICIENT_FUNDS. */
  readonly reason: string;
  /** Set when the key was used before for something else. */
  readonly differingField: string;
}

export interface ReplaySummary {
  /** True: there were bad lines and the user chose to refuse them, so nothing was sent. */
  readonly refused: boolean;
  readonly accountsOpened: number;
  /** Accounts that were there before with the same fields. */
  readonly accountsKnown: number;
  /** Payments whose outcome is known or under way; the next four add up to it. */
  readonly payments: number;
  readonly posted: number;
  readonly rejected: number;
  readonly returned: number;
  readonly inTransit: number;
  /** Of all these: answered with the outcome of an earlier request. */
  readonly replayed: number;
  /** Number of rejected and returned payments by reason. */
  readonly reasons: Readonly<Record<string, number>>;
  readonly rejections: readonly Rejection[];
  readonly linesSkipped: number;
  readonly badLines: readonly BadLine[];
  readonly seconds: number;
  readonly paymentsPerSecond: number;
}

/** Counts the outcomes of a replay. */
export class ReplayTally {
  accountsOpened = 0;
  accountsKnown = 0;
  refused = false;
  seconds = 0;
  readonly #badLines: BadLine[] = [];
  #badLineCount = 0;
  #posted = 0;
  #rejected = 0;
  #returned = 0;
  #inTransit = 0;
  #replayed = 0;
  readonly #reasons = new Map<string, number>();
  readonly #rejections: Rejection[] = [];

  badLine(bad: BadLine): void {
    this.#badLineCount += 1;
    if (this.#badLines.length < SHOWN_MAX) this.#badLines.push(bad);
  }

  get badLineCount(): number {
    return this.#badLineCount;
  }

  /** The first answer to a payment. False: it is in transit and must be asked for again. */
  answered(line: number, key: string, answer: CreateTransferResponse): boolean {
    if (answer.replayed) this.#replayed += 1;
    this.#inTransit += 1;
    return this.settled(line, key, answer);
  }

  /** A further answer to a payment in transit. False: it still is. */
  settled(line: number, key: string, answer: CreateTransferResponse): boolean {
    switch (answer.status) {
      case TransferStatus.POSTED:
        this.#posted += 1;
        break;
      case TransferStatus.REJECTED:
      case TransferStatus.RETURNED: {
        const rejected = answer.status === TransferStatus.REJECTED;
        this.#rejected += rejected ? 1 : 0;
        this.#returned += rejected ? 0 : 1;
        this.#refusal(line, key, answer.reason, answer.differingField);
        break;
      }
      case TransferStatus.IN_TRANSIT:
        return false;
      // A payment is a plain transfer: it is never held.
      case TransferStatus.HELD:
      case TransferStatus.CAPTURED:
      case TransferStatus.RELEASED:
      case TransferStatus.EXPIRED:
      case TransferStatus.UNSPECIFIED:
      case TransferStatus.UNRECOGNIZED:
        throw new Error(`line ${line}: the router answered a status of an unknown kind`);
    }
    this.#inTransit -= 1;
    return true;
  }

  summary(): ReplaySummary {
    const payments = this.#posted + this.#rejected + this.#returned + this.#inTransit;
    return {
      refused: this.refused,
      accountsOpened: this.accountsOpened,
      accountsKnown: this.accountsKnown,
      payments,
      posted: this.#posted,
      rejected: this.#rejected,
      returned: this.#returned,
      inTransit: this.#inTransit,
      replayed: this.#replayed,
      reasons: Object.fromEntries(this.#reasons),
      rejections: this.#rejections,
      linesSkipped: this.refused ? 0 : this.#badLineCount,
      badLines: this.#badLines,
      seconds: this.seconds,
      paymentsPerSecond: this.seconds > 0 ? payments / this.seconds : 0,
    };
  }

  #refusal(line: number, key: string, reasonValue: Reason, differingField: string): void {
    const reason = reasonToJSON(reasonValue).replace(/^REASON_/u, '');
    this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1);
    if (this.#rejections.length >= SHOWN_MAX) return;
    this.#rejections.push({ line, key, reason, differingField });
  }
}
