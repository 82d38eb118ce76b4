import { setTimeout as sleep } from 'node:timers/promises';

import {
  type CallOptions,
  type ClientUnaryCall,
  credentials,
  Metadata,
  type ServiceError,
  status as GrpcStatus,
} from '@grpc/grpc-js';

import { BadRequest, ErrorInfo, RetryInfo } from '../proto/gen/google/rpc/error_details.ts';
import { Status } from '../proto/gen/google/rpc/status.ts';
import {
  type CreateTransferRequest,
  type CreateTransferResponse,
  type CreateTransfersRequest,
  type CreateTransfersResponse,
  type FindAccountsRequest,
  type FindAccountsResponse,
  type GetAccountResponse,
  type GetTransferRequest,
  type GetTransferResponse,
  LedgerServiceClient,
  type ListAccountsRequest,
  type ListAccountsResponse,
  type ListEntriesRequest,
  type ListEntriesResponse,
  type OpenAccountRequest,
  type OpenAccountResponse,
  type OpenAccountsRequest,
  type OpenAccountsResponse,
} from '../proto/gen/meridian/v1/ledger.ts';

/** One field of a request that the ledger found malformed. */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

interface FaultFields {
  readonly code: string;
  readonly outcome: 'not_applied' | 'unknown';
  readonly retryable: boolean;
  readonly violations: readonly FieldViolation[];
  readonly reason: string;
  readonly retryAfterMs: number | undefined;
}

/**
 * A call that got no answer it can use. Business outcomes, such as a rejected transfer,
 * are never faults. `outcome` says whether the request may have been applied; when it is
 * unknown, only asking again with the same idempotency key tells.
 */
export class CallFault extends Error {
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

  constructor(message: string, fields: FaultFields, cause?: unknown) {
    super(message, { cause });
    this.name = 'CallFault';
    this.code = fields.code;
    this.outcome = fields.outcome;
    this.retryable = fields.retryable;
    this.violations = fields.violations;
    this.reason = fields.reason;
    this.retryAfterMs = fields.retryAfterMs;
  }

  /** The same fault after an earlier attempt of the same call ended in the unknown. */
  withUnknownOutcome(): CallFault {
    const { code, retryable, violations, reason, retryAfterMs } = this;
    const fields = { code, retryable, violations, reason, retryAfterMs };
    return new CallFault(this.message, { ...fields, outcome: 'unknown' }, this.cause);
  }
}

/** Codes that say by the API's contract that nothing was applied and that a retry may help. */
const NOT_APPLIED_RETRYABLE = new Set([
  GrpcStatus.UNAVAILABLE,
  GrpcStatus.ABORTED,
  GrpcStatus.RESOURCE_EXHAUSTED,
]);

const OUTCOME_UNKNOWN = new Set([GrpcStatus.UNKNOWN, GrpcStatus.DEADLINE_EXCEEDED]);

/**
 * True for a stream that broke under way: the router died or was restarted. UNAVAILABLE
 * from the transport itself is one too: the request may have reached the ledger before.
 */
function brokeUnderWay(error: ServiceError): boolean {
  const text = error.details;
  if (error.code === GrpcStatus.UNAVAILABLE) return /connection dropped|GOAWAY/iu.test(text);
  if (error.code === GrpcStatus.CANCELLED) return true;
  return error.code === GrpcStatus.INTERNAL && /RST_STREAM|stream|socket/iu.test(text);
}

interface Details {
  violations: FieldViolation[];
  reason: string;
  retryAfterMs: number | undefined;
}

/** Reads google.rpc details out of the trailer. Details that cannot be read are left out. */
function detailsOf(error: ServiceError): Details {
  const details: Details = { violations: [], reason: '', retryAfterMs: undefined };
  const [bytes] = error.metadata?.get('grpc-status-details-bin') ?? [];
  if (!(bytes instanceof Uint8Array)) return details;
  try {
    for (const any of Status.decode(bytes).details) {
      const type = any.typeUrl.slice(any.typeUrl.lastIndexOf('/') + 1);
      if (type === 'google.rpc.BadRequest') {
        for (const { field, description } of BadRequest.decode(any.value).fieldViolations) {
          details.violations.push({ field, description });
        }
      } else if (type === 'google.rpc.ErrorInfo') {
        details.reason = ErrorInfo.decode(any.value).reason;
      } else if (type === 'google.rpc.RetryInfo') {
        const delay = RetryInfo.decode(any.value).retryDelay;
        if (delay) details.retryAfterMs = Number(delay.seconds) * 1_000 + delay.nanos / 1_000_000;
      }
    }
  } catch {
    // The status code alone is enough to act on; half-read details are better than none.
  }
  return details;
}

/** The transport's own texts carry more than a user can make use of. */
function inPlainWords({ code, details }: ServiceError): string {
  const cause = /Last error: (?:Error: )?(.*?)\. Resolution note:/su.exec(details)?.[1];
  if (cause !== undefined) return `no connection, ${cause}`;
  if (code === GrpcStatus.DEADLINE_EXCEEDED && details.startsWith('Deadline exceeded after')) {
    return `no answer within ${/after ([\d.]+)s/u.exec(details)?.[1] ?? '?'} s`;
  }
  return details || 'no answer';
}

function toFault(error: ServiceError, address: string): CallFault {
  const details = detailsOf(error);
  const broken = brokeUnderWay(error);
  const unknown = broken || OUTCOME_UNKNOWN.has(error.code);
  const { violations } = details;
  const text =
    violations.length > 0
      ? violations.map((v) => (v.field ? `${v.field}: ${v.description}` : v.description)).join('; ')
      : inPlainWords(error);
  const code = GrpcStatus[error.code];
  return new CallFault(
    violations.length > 0 ? text : `${address}: ${text} (${code})`,
    {
      ...details,
      code,
      outcome: unknown ? 'unknown' : 'not_applied',
      retryable: unknown || NOT_APPLIED_RETRYABLE.has(error.code),
    },
    error,
  );
}

/** How long a call may take, all its attempts together and each of them. */
export interface CallLimits {
  /** Give up after this. */
  readonly timeoutMs: number;
  /** An attempt that takes longer is ended and made again, with the same keys. */
  readonly attemptTimeoutMs: number;
}

export interface ClientOptions extends Partial<CallLimits> {
  /** Ends every call under way, with a CallFault that is not retryable. */
  readonly signal?: AbortSignal;
  /** Told before the wait ahead of every further attempt. */
  readonly onRetry?: (fault: CallFault, attempt: number) => void;
}

const BACKOFF_FIRST_MS = 50;
const BACKOFF_MAX_MS = 2_000;

/** Full jitter, so that callers that failed together do not come back together. */
function backoffMs(attempt: number, retryAfterMs: number | undefined): number {
  const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(attempt, 10));
  return (retryAfterMs ?? 0) + ceiling * (0.5 + Math.random() / 2);
}

const CHANNEL_OPTIONS = {
  'grpc.max_receive_message_length': 32 * 1024 * 1024,
  'grpc.max_send_message_length': 32 * 1024 * 1024,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  // Retries are ours: they must count against one deadline and keep the outcome known.
  'grpc.enable_retries': 0,
} as const;

type Unary<Request, Response> = (
  stub: LedgerServiceClient,
  request: Request,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Response) => void,
) => ClientUnaryCall;

/**
 * A client of the public API. It sends to the first router and goes on to the next one
 * when an attempt fails in a way that another attempt may mend; every request it repeats
 * carries the same idempotency keys, so nothing is ever applied twice.
 *
 * Every method throws CallFault.
 */
export class MeridianClient {
  readonly #stubs: readonly { address: string; stub: LedgerServiceClient }[];
  readonly #limits: CallLimits;
  readonly #signal: AbortSignal | undefined;
  readonly #onRetry: ((fault: CallFault, attempt: number) => void) | undefined;
  #current = 0;

  /** `addresses`: HOST:PORT of one router or more, the preferred one first. */
  constructor(addresses: readonly string[], options: ClientOptions = {}) {
    if (addresses.length === 0) throw new Error('a client needs the address of a router');
    this.#stubs = addresses.map((address) => ({
      address,
      stub: new LedgerServiceClient(address, credentials.createInsecure(), CHANNEL_OPTIONS),
    }));
    this.#limits = {
      timeoutMs: options.timeoutMs ?? 30_000,
      attemptTimeoutMs: options.attemptTimeoutMs ?? 10_000,
    };
    this.#signal = options.signal;
    this.#onRetry = options.onRetry;
  }

  openAccount(request: OpenAccountRequest): Promise<OpenAccountResponse> {
    return this.#call((stub, q, m, o, done) => stub.openAccount(q, m, o, done), request);
  }

  /** Up to 8,000; the answers stand in the order of the requests. */
  async openAccounts(accounts: OpenAccountRequest[]): Promise<OpenAccountResponse[]> {
    const response = await this.#call<OpenAccountsRequest, OpenAccountsResponse>(
      (stub, q, m, o, done) => stub.openAccounts(q, m, o, done),
      {
        accounts,
      },
    );
    return complete(accounts.length, response.accounts);
  }

  getAccount(id: bigint): Promise<GetAccountResponse> {
    return this.#call((stub, q, m, o, done) => stub.getAccount(q, m, o, done), { id });
  }

  findAccounts(request: FindAccountsRequest): Promise<FindAccountsResponse> {
    return this.#call((stub, q, m, o, done) => stub.findAccounts(q, m, o, done), request);
  }

  listAccounts(request: ListAccountsRequest): Promise<ListAccountsResponse> {
    return this.#call((stub, q, m, o, done) => stub.listAccounts(q, m, o, done), request);
  }

  createTransfer(request: CreateTransferRequest): Promise<CreateTransferResponse> {
    return this.#call((stub, q, m, o, done) => stub.createTransfer(q, m, o, done), request);
  }

  /** Up to 8,000; the answers stand in the order of the requests. */
  async createTransfers(transfers: CreateTransferRequest[]): Promise<CreateTransferResponse[]> {
    const response = await this.#call<CreateTransfersRequest, CreateTransfersResponse>(
      (stub, q, m, o, done) => stub.createTransfers(q, m, o, done),
      { transfers },
    );
    return complete(transfers.length, response.results);
  }

  getTransfer(request: GetTransferRequest): Promise<GetTransferResponse> {
    return this.#call((stub, q, m, o, done) => stub.getTransfer(q, m, o, done), request);
  }

  listEntries(request: ListEntriesRequest): Promise<ListEntriesResponse> {
    return this.#call((stub, q, m, o, done) => stub.listEntries(q, m, o, done), request);
  }

  /** Closes the connections. Calls under way end with a fault. */
  close(): void {
    for (const { stub } of this.#stubs) stub.close();
  }

  async #call<Request, Response>(
    method: Unary<Request, Response>,
    request: Request,
  ): Promise<Response> {
    const giveUpAt = performance.now() + this.#limits.timeoutMs;
    let unknown = false;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#attempt(method, request, giveUpAt);
      } catch (error) {
        if (!(error instanceof CallFault)) throw error;
        unknown ||= error.outcome === 'unknown';
        const fault = unknown ? error.withUnknownOutcome() : error;
        const waitMs = backoffMs(attempt, fault.retryAfterMs);
        const stopped = this.#signal?.aborted === true;
        if (!fault.retryable || stopped || performance.now() + waitMs >= giveUpAt) throw fault;
        this.#onRetry?.(fault, attempt + 1);
        this.#current = (this.#current + 1) % this.#stubs.length;
        // An abort ends the wait early; the next attempt then ends at once.
        await sleep(waitMs, undefined, this.#signal && { signal: this.#signal }).catch(() => {});
      }
    }
  }

  #attempt<Request, Response>(
    method: Unary<Request, Response>,
    request: Request,
    giveUpAt: number,
  ): Promise<Response> {
    const target = this.#stubs[this.#current];
    if (!target) throw new Error('the client has no router');
    const timeoutMs = Math.min(this.#limits.attemptTimeoutMs, giveUpAt - performance.now());
    const options = { deadline: new Date(Date.now() + Math.max(1, timeoutMs)) };
    const signal = this.#signal;
    return new Promise((resolve, reject) => {
      const abort = () => call.cancel();
      const call = method(target.stub, request, new Metadata(), options, (error, response) => {
        signal?.removeEventListener('abort', abort);
        if (error) reject(toFault(error, target.address));
        else resolve(response);
      });
      if (signal?.aborted) abort();
      else signal?.addEventListener('abort', abort, { once: true });
    });
  }
}

/** An answer with items missing would be matched to the wrong requests. */
function complete<T>(expected: number, items: T[]): T[] {
  if (items.length === expected) return items;
  throw new CallFault(`the router answered ${items.length} of ${expected} items`, {
    code: 'INTERNAL',
    outcome: 'unknown',
    retryable: false,
    violations: [],
    reason: '',
    retryAfterMs: undefined,
  });
}
