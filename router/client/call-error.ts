import { type ServiceError, status as GrpcStatus } from '@grpc/grpc-js';

import type { FieldViolation } from '../../ledger/core/validate/validate.ts';
import { detailsOf } from '../../ledger/rpc/details.ts';

interface CallErrorFields {
  readonly code: string;
  readonly outcome: 'not_applied' | 'unknown';
  readonly retryable: boolean;
  readonly violations: readonly FieldViolation[];
  readonly reason: string;
  readonly retryAfterMs: number | undefined;
}

/**
 * A call that got no answer it can use. Business outcomes, such as a rejected transfer,
 * are never failures. `outcome` states whether the request may have been applied; when it is
 * unknown, only asking again with the same idempotency key shows it.
 */
export class CallError extends Error {
  /** Name of the gRPC status, such as UNAVAILABLE. */
  readonly code: string;
  readonly outcome: 'not_applied' | 'unknown';
  readonly retryable: boolean;
  /** From BadRequest: what is malformed. */
  readonly violations: readonly FieldViolation[];
  /** From ErrorInfo, such as OUTCOME_UNKNOWN; empty when the server gave none. */
  readonly reason: string;
  /** From RetryInfo: wait at least this long. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, fields: CallErrorFields, cause?: unknown) {
    super(message, { cause });
    this.name = 'CallError';
    this.code = fields.code;
    this.outcome = fields.outcome;
    this.retryable = fields.retryable;
    this.violations = fields.violations;
    this.reason = fields.reason;
    this.retryAfterMs = fields.retryAfterMs;
  }

  /**
   * The same failure with another outcome: unknown after an earlier attempt of the call ended
   * so, not applied where there is nothing to apply.
   */
  withOutcome(outcome: CallError['outcome']): CallError {
    const { code, retryable, violations, reason, retryAfterMs } = this;
    const fields = { code, retryable, violations, reason, retryAfterMs, outcome };
    return new CallError(this.message, fields, this.cause);
  }
}

/** A later attempt may fare better. */
const RETRYABLE = new Set([
  GrpcStatus.UNAVAILABLE,
  GrpcStatus.ABORTED,
  GrpcStatus.RESOURCE_EXHAUSTED,
  GrpcStatus.UNKNOWN,
  GrpcStatus.DEADLINE_EXCEEDED,
  GrpcStatus.CANCELLED,
]);

/** With these a server refuses before it does anything; grpc-js makes none of them up under way. */
const DEFINITE = new Set([
  GrpcStatus.INVALID_ARGUMENT,
  GrpcStatus.NOT_FOUND,
  GrpcStatus.FAILED_PRECONDITION,
  GrpcStatus.OUT_OF_RANGE,
  GrpcStatus.UNIMPLEMENTED,
  GrpcStatus.PERMISSION_DENIED,
  GrpcStatus.UNAUTHENTICATED,
]);

/** Reasons of a router with a definite outcome, although their code leaves it open. */
const DEFINITE_REASONS = new Set(['TOO_SLOW', 'NOT_APPLIED']);

/** How the messages of grpc-js begin for a call that never left this process. */
const NEVER_SENT =
  /^(?:No connection established|Name resolution failed|Stream refused by server|Channel closed before call started)/u;

/** What they are when a deadline passed before there was a connection to send on. */
const NEVER_CONNECTED =
  /^Deadline exceeded after.*,(?:waiting for name resolution|waiting for metadata filters|Waiting for LB pick)/u;

/** True if a deadline of ours passed while the call waited for a connection. */
function neverConnected({ code, details }: ServiceError): boolean {
  return code === GrpcStatus.DEADLINE_EXCEEDED && NEVER_CONNECTED.test(details);
}

/**
 * True if the request was definitely not applied. Only two can know: the server, which then
 * gives its reason, and the transport of what it never sent. Whatever else UNAVAILABLE comes
 * with (a reset, a dropped connection), the request may have reached the ledger before.
 */
function isDefinite(error: ServiceError, reason: string): boolean {
  const { code, details } = error;
  if (DEFINITE.has(code) || DEFINITE_REASONS.has(reason)) return true;
  if (reason === '' && neverConnected(error)) return true;
  if (code === GrpcStatus.ABORTED || code === GrpcStatus.RESOURCE_EXHAUSTED) return reason !== '';
  return code === GrpcStatus.UNAVAILABLE && (reason !== '' || NEVER_SENT.test(details));
}

/** A stream that broke under way is made again; other internal errors would come again. */
function mayBeRepeated({ code, details }: ServiceError, reason: string): boolean {
  if (code === GrpcStatus.INTERNAL) return /RST_STREAM|stream|socket/iu.test(details);
  // A read that takes too long does not become faster by asking again.
  return RETRYABLE.has(code) && reason !== 'TOO_SLOW';
}

/** The transport's own texts carry more than a user can make use of. */
function inPlainWords(error: ServiceError): string {
  const { code, details } = error;
  const cause = /Last error: (?:Error: )?(.*?)\. Resolution note:/su.exec(details)?.[1];
  if (cause !== undefined) return `no connection, ${cause}`;
  if (code === GrpcStatus.DEADLINE_EXCEEDED && details.startsWith('Deadline exceeded after')) {
    const missing = neverConnected(error) ? 'connection' : 'answer';
    return `no ${missing} within ${/after ([\d.]+)s/u.exec(details)?.[1] ?? '?'} s`;
  }
  return details || 'no answer';
}

/** A gRPC error as a failure; `address` is that of the router. */
export function toCallError(error: ServiceError, address: string): CallError {
  const { reason, violations, retryAfterMs } = detailsOf(error);
  const text =
    violations.length > 0
      ? violations.map((v) => (v.field ? `${v.field}: ${v.description}` : v.description)).join('; ')
      : inPlainWords(error);
  const code = GrpcStatus[error.code];
  return new CallError(
    violations.length > 0 ? text : `${address}: ${text} (${code})`,
    {
      code,
      outcome: isDefinite(error, reason) ? 'not_applied' : 'unknown',
      retryable: mayBeRepeated(error, reason),
      violations,
      reason,
      retryAfterMs,
    },
    error,
  );
}

/** The failure of a router that answers what it cannot mean. */
export function badAnswer(message: string): CallError {
  return new CallError(message, {
    code: 'INTERNAL',
    outcome: 'unknown',
    retryable: false,
    violations: [],
    reason: '',
    retryAfterMs: undefined,
  });
}
