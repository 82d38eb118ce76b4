import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import type { FieldViolation } from '../core/validate/validate.ts';
import {
  attachDetails,
  badRequest,
  type Detail,
  detailsOf,
  errorInfo,
  preconditionFailure,
  retryInfo,
} from './details.ts';

/** Bytes that the details of an error may take. */
const TRAILER_BYTES = 3_000;

/** A gRPC error with google.rpc details in its trailer. */
export class RpcError extends Error implements ServiceError {
  override readonly name = 'RpcError';
  readonly code: status;
  readonly details: string;
  readonly metadata = new Metadata();
  /** True: what was asked may or may not have been applied. */
  readonly outcomeUnknown: boolean;

  constructor(
    code: status,
    message: string,
    details: readonly Detail[] = [],
    isOutcomeUnknown = false,
  ) {
    super(message);
    this.code = code;
    this.details = message;
    this.outcomeUnknown = isOutcomeUnknown;
    if (details.length > 0) attachDetails(this.metadata, { code, message, details });
  }
}

/** Fields are malformed; nothing was applied. */
export function invalidArgument(violations: readonly FieldViolation[]): RpcError {
  const [first] = violations;
  const more = violations.length > 1 ? ` (and ${violations.length - 1} more)` : '';
  // Clients refuse trailers of more than 8 KiB, and would then report that instead.
  let left = TRAILER_BYTES;
  const included = violations.filter(({ field, description }) => {
    left -= field.length + description.length + 20;
    return left > 0;
  });
  const message = `${first?.field ?? 'request'} ${first?.description ?? 'is malformed'}${more}`;
  return new RpcError(status.INVALID_ARGUMENT, message, [badRequest(included)]);
}

/** Throws INVALID_ARGUMENT if anything is malformed. */
export function refuseMalformed(violations: readonly FieldViolation[]): void {
  if (violations.length > 0) throw invalidArgument(violations);
}

/** The thing that was asked for does not exist. */
export function notFound(reason: string, message: string): RpcError {
  return new RpcError(status.NOT_FOUND, message, [errorInfo(reason)]);
}

/** One of several transfers that a key or id names, and the field that names it. */
export interface Candidate {
  readonly field: string;
  readonly book: string;
  /** Zero for a group. */
  readonly payer: bigint;
}

/** A key or id names transfers in several books, and the request does not state which one. */
export function ambiguousKey(candidates: readonly Candidate[]): RpcError {
  let left = TRAILER_BYTES;
  const violations = candidates
    .map(({ field, book, payer }) => ({
      type: 'AMBIGUOUS_KEY',
      subject: field,
      description: payer === 0n ? `${book}: a group` : `${book}: payer ${payer}`,
    }))
    .filter(({ subject, description }) => {
      left -= subject.length + description.length + 40;
      return left > 0;
    });
  const field = candidates[0]?.field ?? '';
  const listed = violations.filter(({ subject }) => subject === field);
  const message =
    `${field} names transfers in several books ` +
    `(${listed.map(({ description }) => description).join('; ')}): set debit_account_id`;
  const details = [errorInfo('AMBIGUOUS_KEY'), preconditionFailure(violations)];
  return new RpcError(status.FAILED_PRECONDITION, message, details);
}

/**
 * Books that may have what is asked did not answer, so that no answer of the others is certain.
 *
 * @param hint what the caller can do, apart from trying again
 */
export function booksSilent(books: readonly string[], hint: string): RpcError {
  const names = books.join(', ');
  const details = [errorInfo('BOOKS_SILENT', { books: names }), retryInfo(200)];
  return new RpcError(status.UNAVAILABLE, `${names} did not answer: ${hint}`, details);
}

/**
 * The caller may not make this call; nothing was applied.
 *
 * @param caller its SPIFFE URI; '' if its certificate names none
 * @param path of the method
 */
export function permissionDenied(caller: string, path: string): RpcError {
  const name = caller === '' ? 'a certificate without an identity of Meridian' : caller;
  const info = errorInfo('CALLER_NOT_PERMITTED', { caller, method: path.slice(1) });
  return new RpcError(status.PERMISSION_DENIED, `${name} may not call ${path.slice(1)}`, [info]);
}

/** A queue is full; nothing was applied. */
export function overloaded(message: string, retryMs: number): RpcError {
  const details = [errorInfo('OVERLOADED'), retryInfo(retryMs)];
  return new RpcError(status.RESOURCE_EXHAUSTED, message, details);
}

/** A limit is reached, and waiting does not help; nothing was applied. */
export function full(reason: string, message: string): RpcError {
  return new RpcError(status.RESOURCE_EXHAUSTED, message, [errorInfo(reason)]);
}

/** The book has no leader that can be reached; nothing was applied. */
export function unavailable(reason: string, message: string, retryMs: number): RpcError {
  const details = [errorInfo(reason), retryInfo(retryMs)];
  return new RpcError(status.UNAVAILABLE, message, details);
}

/**
 * The two ends of a channel do not have the same legs, and nothing was applied. The pause before
 * a retry is long, because an operator has to repair the channel.
 * @param channel names of the payer's and the payee's book: `eu-west-1>us-east-1`
 */
export function channelDiverged(message: string, channel: string): RpcError {
  const details = [errorInfo(CHANNEL_DIVERGED, { channel }), retryInfo(DIVERGED_RETRY_MS)];
  return new RpcError(status.UNAVAILABLE, message, details);
}

/** Reason in the details of every error that a channel which has diverged leads to. */
export const CHANNEL_DIVERGED = 'CHANNEL_DIVERGED';

/** An operator has to repair the channel: repeating sooner only costs. */
const DIVERGED_RETRY_MS = 10_000;

/** The answer of a book to its peer: the two do not have the same legs. */
export function legsDiffer(message: string, channel: string): RpcError {
  const info = errorInfo(CHANNEL_DIVERGED, { channel });
  return new RpcError(status.FAILED_PRECONDITION, message, [info]);
}

/** A channel cannot be repaired as requested, or needs no repair. */
export function unrepairable(reason: string, message: string): RpcError {
  return new RpcError(status.FAILED_PRECONDITION, message, [errorInfo(reason)]);
}

/** A copy of a book has not reached the place in the journal that was asked for. */
export function behind(book: string, seq: bigint, asked: bigint): RpcError {
  const message = `${book} is at ${seq} and has not reached ${asked} yet`;
  const info = errorInfo('BEHIND', { book, seq: String(seq) });
  return new RpcError(status.UNAVAILABLE, message, [info, retryInfo(200)]);
}

/**
 * An external id belongs to a book that the router does not know yet: its configuration is old.
 * None of the accounts that it is about was opened.
 */
export function topologyOutdated(message: string): RpcError {
  return unavailable(TOPOLOGY_OUTDATED, message, OUTDATED_RETRY_MS);
}

/** Reason in the details of an error that a restart of the router with its new configuration ends. */
export const TOPOLOGY_OUTDATED = 'TOPOLOGY_OUTDATED';

/** An operator is restarting servers one by one: each takes a few seconds. */
const OUTDATED_RETRY_MS = 1_000;

/** A router and a book have configurations of which neither continues the other; nothing was done. */
export function topologyConflict(message: string): RpcError {
  return new RpcError(status.FAILED_PRECONDITION, message, [errorInfo('TOPOLOGY_CONFLICT')]);
}

/** The reason that an error's details give; '' if they give none. */
export function reasonOf(error: { readonly metadata: Metadata }): string {
  return detailsOf(error).reason;
}

/** The seq that the copy has reached; undefined: the error is not `behind`. */
export function behindAt(error: RpcError): bigint | undefined {
  const { reason, facts } = detailsOf(error);
  return reason === 'BEHIND' ? BigInt(facts['seq'] ?? 0) : undefined;
}

/** The leader stepped down before it applied anything. */
export function aborted(message: string, retryMs: number): RpcError {
  return new RpcError(status.ABORTED, message, [errorInfo('NOT_LEADER'), retryInfo(retryMs)]);
}

/** The request may or may not have been applied: the caller retries with the same key. */
export function outcomeUnknown(code: status.DEADLINE_EXCEEDED | status.UNKNOWN): RpcError {
  const message =
    'the outcome is unknown: repeat the request with the same key, or ask GetTransfer';
  return new RpcError(code, message, [errorInfo('OUTCOME_UNKNOWN'), retryInfo(100)], true);
}

/** A read takes longer than a server allows. Asking for less helps, asking again does not. */
export function tooSlow(message: string): RpcError {
  return new RpcError(status.DEADLINE_EXCEEDED, message, [errorInfo('TOO_SLOW')]);
}

/** The deadline passed before the request was started: it was not applied. */
export function tooLate(message: string): RpcError {
  return new RpcError(status.DEADLINE_EXCEEDED, message, [errorInfo(TOO_LATE)]);
}

/** Reason in the details of an error of a request that was not started. */
export const TOO_LATE = 'NOT_APPLIED';

/** The caller has cancelled the call: no more work is done for it, and it gets no answer. */
export const callerGone = () => new RpcError(status.CANCELLED, 'the caller has gone');
