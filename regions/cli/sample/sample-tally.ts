import { Reason, reasonToJSON } from '../../../proto/gen/meridian/v1/reason.ts';
import {
  type CreateTransferResponse,
  TransferStatus,
} from '../../../proto/gen/meridian/v1/transfer.ts';
import type { SamplePayment, SampleRepeat } from './sample-workload.ts';

/** How many unexpected answers are kept to be shown. The others are only counted. */
const UNEXPECTED_SHOWN_MAX = 20;

export interface Unexpected {
  readonly key: string;
  readonly expected: string;
  readonly got: string;
}

/** The outcomes of the sample's keys and of the requests that used a key again. */
export interface SampleCounts {
  /** Distinct keys that were answered. */
  readonly keys: number;
  readonly posted: number;
  readonly rejected: number;
  /** Refused by the payee's book, the money returned to the payer. */
  readonly returned: number;
  /** Keys whose payer and payee live in different regions. */
  readonly crossRegion: number;
  /** Keys that were decided by this run; the others were known from an earlier one. */
  readonly decidedNow: number;
  /** Equal requests sent again and answered with the first one's outcome. */
  readonly replayed: number;
  /** Requests that used a key for something else and were refused, naming the field. */
  readonly reusedRefused: number;
  readonly unexpected: number;
}

/**
 * Compares every answer with the outcome that its request must have, and counts. Answers may come
 * in any order, but those of repeats only after the payment's own, twins excepted.
 */
export class SampleTally {
  readonly unexpected: Unexpected[] = [];
  /** Repeats answered with the first outcome, by home region of the payer. */
  readonly replayedByRegion = new Map<string, number>();
  readonly #answers = new Map<string, CreateTransferResponse>();
  // A key was known before this run if not even one of its requests was decided by it.
  readonly #decidedNow = new Set<string>();
  readonly #counts = {
    keys: 0,
    posted: 0,
    rejected: 0,
    returned: 0,
    crossRegion: 0,
    replayed: 0,
    reusedRefused: 0,
    unexpected: 0,
  };

  get counts(): SampleCounts {
    return { ...this.#counts, decidedNow: this.#decidedNow.size };
  }

  /** The answer to a payment itself. */
  payment(payment: SamplePayment, answer: CreateTransferResponse): void {
    const { expected } = payment;
    const wanted =
      expected.status === 'posted' ? 'POSTED' : `${expected.status} ${expected.reason}`;
    this.#check(payment.key, wanted.toUpperCase(), describe(answer));
    const first = this.#answers.get(payment.key);
    this.#answers.set(payment.key, answer);
    this.#counts.keys += 1;
    if (payment.payer.region !== payment.payee.region) this.#counts.crossRegion += 1;
    if (!answer.replayed) this.#decidedNow.add(payment.key);
    if (answer.status === TransferStatus.POSTED) this.#counts.posted += 1;
    if (answer.status === TransferStatus.REJECTED) this.#counts.rejected += 1;
    if (answer.status === TransferStatus.RETURNED) this.#counts.returned += 1;
    if (first) this.#twin(payment, first, answer);
  }

  /** The answer to an equal request that was sent at the same time as the payment. */
  twin(repeat: SampleRepeat, answer: CreateTransferResponse): void {
    if (!answer.replayed) this.#decidedNow.add(repeat.payment.key);
    const first = this.#answers.get(repeat.payment.key);
    if (first) this.#twin(repeat.payment, first, answer);
    else this.#answers.set(repeat.payment.key, answer);
  }

  /** The answer to a request that was sent after its payment was decided. */
  repeat(repeat: SampleRepeat, answer: CreateTransferResponse): void {
    const { payment, differingField } = repeat;
    if (differingField === '') {
      const first = this.#answers.get(payment.key);
      if (first) this.#replayed(payment, first, answer, answer.replayed);
      return;
    }
    const wanted = `REJECTED IDEMPOTENCY_KEY_REUSED ${differingField}`;
    const got = describe(answer);
    this.#check(payment.key, wanted, got);
    if (got === wanted) this.#counts.reusedRefused += 1;
  }

  // Either of the two may have reached the ledger first; the other one is the replay.
  #twin(payment: SamplePayment, a: CreateTransferResponse, b: CreateTransferResponse): void {
    this.#replayed(payment, a, b, a.replayed || b.replayed);
  }

  #replayed(
    payment: SamplePayment,
    a: CreateTransferResponse,
    b: CreateTransferResponse,
    flagged: boolean,
  ): void {
    const first = `${describe(a)} ${a.transferId} at ${place(a)}`;
    const second = `${describe(b)} ${b.transferId} at ${place(b)}`;
    this.#check(payment.key, `${first} replayed`, `${second}${flagged ? ' replayed' : ''}`);
    if (first !== second || !flagged) return;
    this.#counts.replayed += 1;
    const { region } = payment.payer;
    this.replayedByRegion.set(region, (this.replayedByRegion.get(region) ?? 0) + 1);
  }

  #check(key: string, expected: string, got: string): void {
    if (expected === got) return;
    this.#counts.unexpected += 1;
    if (this.unexpected.length < UNEXPECTED_SHOWN_MAX) this.unexpected.push({ key, expected, got });
  }
}

function place({ position }: CreateTransferResponse): string {
  return position ? `${position.book}/${position.seq}` : 'no position';
}

/** An outcome in the words of the proto, such as `REJECTED INSUFFICIENT_FUNDS`. */
function describe(answer: CreateTransferResponse): string {
  const status = Object.entries(TransferStatus).find(([, value]) => value === answer.status)?.[0];
  const parts: string[] = [status ?? 'UNRECOGNIZED'];
  if (answer.reason !== Reason.UNSPECIFIED) {
    parts.push(reasonToJSON(answer.reason).replace(/^REASON_/u, ''));
  }
  if (answer.differingField !== '') parts.push(answer.differingField);
  return parts.join(' ');
}
