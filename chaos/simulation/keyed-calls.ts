import {
  type CreateTransferRequest,
  type CreateTransferResponse,
  TransferStatus,
} from '../../proto/gen/meridian/v1/transfer.ts';
import type { OperationKind } from './swarm.ts';

/** An answer that a client received. */
export interface ReceivedAnswer {
  readonly at: number;
  readonly response: CreateTransferResponse;
}

/** One call of a client: it may get no answer, or several. */
export interface Attempt {
  readonly request: CreateTransferRequest;
  readonly invokedAt: number;
  readonly answers: ReceivedAnswer[];
  /** True: its body differs from that of the key's first request. */
  readonly altered: boolean;
}

/** All calls with one key. */
export interface KeyedCalls {
  readonly kind: OperationKind;
  readonly key: string;
  /** Id of the transfer. */
  readonly id: string;
  /** Book that decides it. */
  readonly book: number;
  readonly request: CreateTransferRequest;
  readonly attempts: Attempt[];
}

/** Requests of clients and their answers, by the id of the transfer. */
export type KeyedHistory = Map<string, KeyedCalls>;

export function isAnswered({ attempts }: KeyedCalls): boolean {
  return attempts.some(({ altered, answers }) => !altered && answers.length > 0);
}

const NAMES = new Map<number, string>(
  Object.entries(TransferStatus).map(([name, value]) => [value, name]),
);

/** The history of one key, line by line. */
export function describeOperation({
  kind,
  key,
  id,
  book,
  request,
  attempts,
}: KeyedCalls): string[] {
  const { debitAccountId, creditAccountId, amount } = request;
  const lines = [
    `${kind} ${key} (${id}) of book ${book}: ${debitAccountId} to ${creditAccountId}, ${amount}`,
  ];
  for (const { invokedAt, altered, answers } of attempts) {
    lines.push(`  asked at ${invokedAt.toFixed(1)}${altered ? ' with another body' : ''}`);
    for (const { at, response } of answers) {
      const { status, reason, replayed, position } = response;
      lines.push(
        `    answered at ${at.toFixed(1)}: ${NAMES.get(status) ?? status}, reason ${reason}, ` +
          `epoch ${position?.epoch}, seq ${position?.seq}${replayed ? ', replayed' : ''}`,
      );
    }
  }
  return lines;
}
