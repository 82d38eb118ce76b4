import { setTimeout as sleep } from 'node:timers/promises';

import {
  type CallOptions,
  type ChannelCredentials,
  type ClientUnaryCall,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';

import { backoffMs } from '../../ledger/backoff.ts';
import { insecureLinks, tlsLinks } from '../../ledger/rpc/tls/credentials.ts';
import { TlsFiles } from '../../ledger/rpc/tls/tls-files.ts';
import { WINDOW_BYTES } from '../../ledger/rpc/flow-control.ts';
import type * as account from '../../proto/gen/meridian/v1/account.ts';
import type * as asset from '../../proto/gen/meridian/v1/asset.ts';
import type { Event, SubscribeRequest } from '../../proto/gen/meridian/v1/event.ts';
import { LedgerServiceClient } from '../../proto/gen/meridian/v1/ledger.ts';
import type * as query from '../../proto/gen/meridian/v1/query.ts';
import type * as transfer from '../../proto/gen/meridian/v1/transfer.ts';
import { badAnswer, CallError, toCallError } from './call-error.ts';
import { eventsOf, placeOf, type RouterStub } from './event-subscription.ts';

export { CallError };

/** How long a call may take, all its attempts together and each of them. */
export interface CallLimits {
  /** Give up after this. */
  readonly timeoutMs: number;
  /** An attempt that takes longer is ended and made again, with the same keys. */
  readonly attemptTimeoutMs: number;
}

/** Files in PEM. `certificate` may hold the key as well. They are read again when they change. */
export interface ClientTls {
  /** Of this client. */
  readonly certificate: string;
  /** Default: the file of the certificate. */
  readonly key?: string;
  /** Those that routers' certificates must be of. */
  readonly authorities: string;
}

/** How routers are reached: one of the three. */
export type ClientSecurity =
  | { readonly tls: ClientTls }
  /** Makes the credentials for a router at HOST:PORT. */
  | { readonly channelTo: (address: string) => ChannelCredentials }
  /** Nothing is encrypted, and any server is taken for a router. */
  | { readonly insecure: true };

export interface ClientLimits extends Partial<CallLimits> {
  /** Ends every call under way, with a CallError that is not retryable. */
  readonly signal?: AbortSignal;
  /** Called before the wait ahead of every further attempt. */
  readonly onRetry?: (failure: CallError, attempt: number) => void;
}

export type ClientOptions = ClientLimits & ClientSecurity;

const BACKOFF = { firstMs: 50, longestMs: 2_000 };
/** An attempt with less time would end before it is answered, and hide why the one before failed. */
const SHORTEST_ATTEMPT_MS = 50;

const CHANNEL_OPTIONS = {
  'grpc-node.flow_control_window': WINDOW_BYTES,
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

function openSecurity(security: ClientSecurity): {
  readonly files?: TlsFiles;
  readonly channelTo: (address: string) => ChannelCredentials;
} {
  if ('channelTo' in security) return { channelTo: security.channelTo };
  if ('insecure' in security) return { channelTo: () => insecureLinks.channelTo('router') };
  const { certificate, key = certificate, authorities } = security.tls;
  const files = new TlsFiles({ certificate, key, authorities }).watch();
  const links = tlsLinks(files);
  return { files, channelTo: () => links.channelTo('router') };
}

/**
 * A client of the public API. It sends to the first router and goes on to the next one
 * when an attempt fails in a way that another attempt may overcome; every request it repeats
 * carries the same idempotency keys, so nothing is ever applied twice.
 *
 * Every method throws CallError.
 */
export class MeridianClient {
  readonly #stubs: readonly RouterStub[];
  readonly #limits: CallLimits;
  readonly #files: TlsFiles | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #onRetry: ((failure: CallError, attempt: number) => void) | undefined;
  #current = 0;

  /**
   * `addresses`: HOST:PORT of one router or more, the preferred one first.
   * Throws an Error if the files of `tls` cannot be read or are not valid.
   */
  constructor(addresses: readonly string[], options: ClientOptions) {
    if (addresses.length === 0) throw new Error('a client needs the address of a router');
    const { files, channelTo } = openSecurity(options);
    this.#files = files;
    this.#stubs = addresses.map((address) => ({
      address,
      stub: new LedgerServiceClient(address, channelTo(address), CHANNEL_OPTIONS),
    }));
    this.#limits = {
      timeoutMs: options.timeoutMs ?? 30_000,
      attemptTimeoutMs: options.attemptTimeoutMs ?? 10_000,
    };
    this.#signal = options.signal;
    this.#onRetry = options.onRetry;
  }

  openAccount(request: account.OpenAccountRequest): Promise<account.OpenAccountResponse> {
    return this.#call((stub, q, m, o, done) => stub.openAccount(q, m, o, done), request);
  }

  /** Up to 8,000; the answers stand in the order of the requests. */
  async openAccounts(
    accounts: account.OpenAccountRequest[],
  ): Promise<account.OpenAccountResponse[]> {
    const response = await this.#call<account.OpenAccountsRequest, account.OpenAccountsResponse>(
      (stub, q, m, o, done) => stub.openAccounts(q, m, o, done),
      { accounts },
      accounts.length,
    );
    return complete(accounts.length, response.accounts);
  }

  getAccount(request: account.GetAccountRequest): Promise<account.GetAccountResponse> {
    return this.#read((stub, q, m, o, done) => stub.getAccount(q, m, o, done), request);
  }

  getAccounts(request: account.GetAccountsRequest): Promise<account.GetAccountsResponse> {
    return this.#read((stub, q, m, o, done) => stub.getAccounts(q, m, o, done), request);
  }

  findAccounts(request: account.FindAccountsRequest): Promise<account.FindAccountsResponse> {
    return this.#read((stub, q, m, o, done) => stub.findAccounts(q, m, o, done), request);
  }

  listAccounts(request: account.ListAccountsRequest): Promise<account.ListAccountsResponse> {
    return this.#read((stub, q, m, o, done) => stub.listAccounts(q, m, o, done), request);
  }

  changeAccount(request: account.ChangeAccountRequest): Promise<account.ChangeAccountResponse> {
    return this.#call((stub, q, m, o, done) => stub.changeAccount(q, m, o, done), request);
  }

  createTransfer(
    request: transfer.CreateTransferRequest,
  ): Promise<transfer.CreateTransferResponse> {
    return this.#call((stub, q, m, o, done) => stub.createTransfer(q, m, o, done), request);
  }

  /** Up to 8,000; the answers stand in the order of the requests. */
  async createTransfers(
    transfers: transfer.CreateTransferRequest[],
  ): Promise<transfer.CreateTransferResponse[]> {
    const response = await this.#call<
      transfer.CreateTransfersRequest,
      transfer.CreateTransfersResponse
    >(
      (stub, q, m, o, done) => stub.createTransfers(q, m, o, done),
      { transfers },
      transfers.length,
    );
    return complete(transfers.length, response.results);
  }

  getTransfer(request: transfer.GetTransferRequest): Promise<transfer.GetTransferResponse> {
    return this.#read((stub, q, m, o, done) => stub.getTransfer(q, m, o, done), request);
  }

  getTransfers(request: transfer.GetTransfersRequest): Promise<transfer.GetTransfersResponse> {
    return this.#read((stub, q, m, o, done) => stub.getTransfers(q, m, o, done), request);
  }

  listTransfers(request: query.ListTransfersRequest): Promise<query.ListTransfersResponse> {
    return this.#read((stub, q, m, o, done) => stub.listTransfers(q, m, o, done), request);
  }

  listEntries(request: query.ListEntriesRequest): Promise<query.ListEntriesResponse> {
    return this.#read((stub, q, m, o, done) => stub.listEntries(q, m, o, done), request);
  }

  getStatement(request: query.GetStatementRequest): Promise<query.GetStatementResponse> {
    return this.#read((stub, q, m, o, done) => stub.getStatement(q, m, o, done), request);
  }

  registerAsset(request: asset.RegisterAssetRequest): Promise<asset.RegisterAssetResponse> {
    return this.#call((stub, q, m, o, done) => stub.registerAsset(q, m, o, done), request);
  }

  listAssets(request: asset.ListAssetsRequest): Promise<asset.ListAssetsResponse> {
    return this.#read((stub, q, m, o, done) => stub.listAssets(q, m, o, done), request);
  }

  /**
   * Events from `request.after` on. A stream that breaks is opened again behind the last event
   * that was taken, by the policy of all calls; the time after which it gives up begins when
   * the trouble does. An abort ends it quietly.
   */
  async *subscribe(request: SubscribeRequest): AsyncGenerator<Event> {
    let { after } = request;
    let giveUpAt: number | undefined;
    for (let attempt = 0; ; attempt += 1) {
      const startedAt = performance.now();
      try {
        for await (const event of eventsOf(this.#target(), { ...request, after }, this.#signal)) {
          after = placeOf(event, request.of);
          giveUpAt = undefined;
          attempt = 0;
          yield event;
        }
        return;
      } catch (error) {
        if (!(error instanceof CallError)) throw error;
        // A stream that was silent for long before it broke had worked.
        if (performance.now() - startedAt > this.#limits.attemptTimeoutMs) giveUpAt = undefined;
        giveUpAt ??= performance.now() + this.#limits.timeoutMs;
        await this.#beforeRetry(error, attempt, giveUpAt);
      }
    }
  }

  /** Closes the connections. Calls under way end with a failure. */
  close(): void {
    for (const { stub } of this.#stubs) stub.close();
    this.#files?.close();
  }

  /** A call that changes nothing, so that nothing of it can have been applied. */
  async #read<Request, Response>(
    method: Unary<Request, Response>,
    request: Request,
  ): Promise<Response> {
    try {
      return await this.#call(method, request);
    } catch (error) {
      throw error instanceof CallError ? error.withOutcome('not_applied') : error;
    }
  }

  /** @param items of the request: what a server answers for one of several may not hold for all */
  async #call<Request, Response>(
    method: Unary<Request, Response>,
    request: Request,
    items = 1,
  ): Promise<Response> {
    const giveUpAt = performance.now() + this.#limits.timeoutMs;
    let unknown = false;
    let earlier: CallError | undefined;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#attempt(method, request, giveUpAt);
      } catch (error) {
        if (!(error instanceof CallError)) throw error;
        unknown ||= error.outcome === 'unknown' || (items > 1 && mayBeOfOne(error));
        // A last attempt that had no time to connect knows less than the one before it.
        const isLast = isTooLate(giveUpAt);
        const failure = isLast && neverConnected(error) ? (earlier ?? error) : error;
        earlier = failure;
        const stated = unknown ? failure.withOutcome('unknown') : failure;
        await this.#beforeRetry(stated, attempt, giveUpAt);
      }
    }
  }

  /** Waits, and goes on to the next router; throws the failure if it is no use or too late. */
  async #beforeRetry(failure: CallError, attempt: number, giveUpAt: number): Promise<void> {
    const waitMs = (failure.retryAfterMs ?? 0) + backoffMs(attempt + 1, BACKOFF);
    const stopped = this.#signal?.aborted === true;
    if (!failure.retryable || stopped || isTooLate(giveUpAt, waitMs)) throw failure;
    this.#onRetry?.(failure, attempt + 1);
    this.#current = (this.#current + 1) % this.#stubs.length;
    // An abort ends the wait early; the next attempt then ends at once.
    await sleep(waitMs, undefined, this.#signal && { signal: this.#signal }).catch(() => {});
    // A process that was paused meanwhile has no time left for an attempt.
    if (isTooLate(giveUpAt)) throw failure;
  }

  #target(): RouterStub {
    const target = this.#stubs[this.#current];
    if (!target) throw new Error('the client has no router');
    return target;
  }

  #attempt<Request, Response>(
    method: Unary<Request, Response>,
    request: Request,
    giveUpAt: number,
  ): Promise<Response> {
    const target = this.#target();
    const timeoutMs = Math.min(this.#limits.attemptTimeoutMs, giveUpAt - performance.now());
    const options = { deadline: new Date(Date.now() + Math.max(1, timeoutMs)) };
    const signal = this.#signal;
    return new Promise((resolve, reject) => {
      const abort = () => call.cancel();
      const call = method(target.stub, request, new Metadata(), options, (error, response) => {
        signal?.removeEventListener('abort', abort);
        if (error) reject(toCallError(error, target.address));
        else resolve(response);
      });
      if (signal?.aborted) abort();
      else signal?.addEventListener('abort', abort, { once: true });
    });
  }
}

/** True if after a wait there is no time left for an attempt; times are by performance.now(). */
function isTooLate(giveUpAt: number, waitMs = 0): boolean {
  return performance.now() + waitMs + SHORTEST_ATTEMPT_MS >= giveUpAt;
}

/** True if the time of an attempt was over before there was a connection to send on. */
function neverConnected({ code, outcome, reason }: CallError): boolean {
  return code === 'DEADLINE_EXCEEDED' && outcome === 'not_applied' && reason === '';
}

/**
 * True for a failure with which a server answers a call although other items of it may have been
 * applied: of another book, or in a batch before. A malformed item refuses all of its call.
 */
function mayBeOfOne({ code, reason }: CallError): boolean {
  return reason !== '' && code !== 'INVALID_ARGUMENT';
}

/** An answer with items missing would be matched to the wrong requests. */
function complete<T>(expected: number, items: T[]): T[] {
  if (items.length === expected) return items;
  throw badAnswer(`the router answered ${items.length} of ${expected} items`);
}
