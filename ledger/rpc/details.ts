import type { Metadata } from '@grpc/grpc-js';
import {
  BadRequest,
  ErrorInfo,
  PreconditionFailure,
  RetryInfo,
} from '../../proto/gen/google/rpc/error_details.ts';
import { Status } from '../../proto/gen/google/rpc/status.ts';
import type { FieldViolation } from '../core/validate/validate.ts';

/** The google.rpc details of gRPC errors: how servers write them, and routers and clients read them. */

/** Domain of every ErrorInfo. */
const DOMAIN = 'meridian';
const TRAILER = 'grpc-status-details-bin';
const TYPE = 'type.googleapis.com/google.rpc.';

/** One detail, as google.protobuf.Any. */
export interface Detail {
  readonly typeUrl: string;
  readonly value: Buffer;
}

const detail = (name: string, bytes: Uint8Array): Detail => ({
  typeUrl: `${TYPE}${name}`,
  value: Buffer.from(bytes),
});

export const errorInfo = (reason: string, metadata: Record<string, string> = {}): Detail =>
  detail('ErrorInfo', ErrorInfo.encode({ reason, domain: DOMAIN, metadata }).finish());

export function retryInfo(delayMs: number): Detail {
  const seconds = BigInt(Math.floor(delayMs / 1_000));
  const retryDelay = { seconds, nanos: (delayMs % 1_000) * 1_000_000 };
  return detail('RetryInfo', RetryInfo.encode({ retryDelay }).finish());
}

export function badRequest(violations: readonly FieldViolation[]): Detail {
  const fieldViolations = violations.map(({ field, description }) => ({
    field,
    description,
    reason: 'MALFORMED',
    localizedMessage: undefined,
  }));
  return detail('BadRequest', BadRequest.encode({ fieldViolations }).finish());
}

export const preconditionFailure = (violations: PreconditionFailure['violations']): Detail =>
  detail('PreconditionFailure', PreconditionFailure.encode({ violations }).finish());

/** Puts the details into the trailer of an error. */
export function attachDetails(
  metadata: Metadata,
  { code, message, details }: { code: number; message: string; details: readonly Detail[] },
): void {
  const bytes = Status.encode({ code, message, details: [...details] }).finish();
  metadata.set(TRAILER, Buffer.from(bytes));
}

/** What the details of an error state. */
export interface ErrorDetails {
  /** From ErrorInfo, such as OUTCOME_UNKNOWN; '' if the server gave none. */
  reason: string;
  /** From ErrorInfo: facts that belong to the reason. */
  facts: Readonly<Record<string, string>>;
  /** From BadRequest: what is malformed. */
  violations: FieldViolation[];
  /** From RetryInfo: the shortest pause before a retry. */
  retryAfterMs: number | undefined;
}

/** Reads the details of an error. Those that cannot be read are left out: the code remains. */
export function detailsOf(error: { readonly metadata?: Metadata }): ErrorDetails {
  const found: ErrorDetails = { reason: '', facts: {}, violations: [], retryAfterMs: undefined };
  for (const bytes of error.metadata?.get(TRAILER) ?? []) {
    if (!(bytes instanceof Uint8Array)) continue;
    try {
      for (const each of Status.decode(bytes).details) read(each, found);
    } catch {
      // A proxy may have altered the trailer.
    }
  }
  return found;
}

function read({ typeUrl, value }: Detail, found: ErrorDetails): void {
  const type = typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
  if (type === 'google.rpc.BadRequest') {
    for (const { field, description } of BadRequest.decode(value).fieldViolations) {
      found.violations.push({ field, description });
    }
  } else if (type === 'google.rpc.ErrorInfo') {
    ({ reason: found.reason, metadata: found.facts } = ErrorInfo.decode(value));
  } else if (type === 'google.rpc.RetryInfo') {
    const delay = RetryInfo.decode(value).retryDelay;
    if (delay) found.retryAfterMs = Number(delay.seconds) * 1_000 + delay.nanos / 1_000_000;
  }
}
