import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { BadRequest, ErrorInfo, RetryInfo } from '../../proto/gen/google/rpc/error_details.ts';
import { Status } from '../../proto/gen/google/rpc/status.ts';
import {
  OpenAccountRequest,
  type OpenAccountResponse,
} from '../../proto/gen/meridian/v1/account.ts';
import { LedgerServiceClient } from '../../proto/gen/meridian/v1/ledger.ts';
import {
  CreateTransferRequest,
  type CreateTransferResponse,
  type CreateTransfersResponse,
  type GetTransferResponse,
} from '../../proto/gen/meridian/v1/transfer.ts';
import { channelTo } from '../links/known-links.ts';

/** A gRPC error in the terms that tests compare. */
export class ApiError extends Error {
  /** Name of the status. */
  readonly code: string;
  /** Fields of the BadRequest, in order. */
  readonly fields: readonly string[];
  /** Of the ErrorInfo; '' if there is none. */
  readonly reason: string;
  readonly retryable: boolean;

  constructor(error: ServiceError) {
    super(error.details);
    this.code = status[error.code];
    const [bytes] = error.metadata.get('grpc-status-details-bin');
    const details = bytes instanceof Buffer ? Status.decode(bytes).details : [];
    const values = (type: string) =>
      details.flatMap(({ typeUrl, value }) => (typeUrl.endsWith(`.${type}`) ? [value] : []));
    this.fields = values('BadRequest').flatMap((value) =>
      BadRequest.decode(value).fieldViolations.map(({ field }) => field),
    );
    this.reason = values('ErrorInfo').map((value) => ErrorInfo.decode(value).reason)[0] ?? '';
    this.retryable = values('RetryInfo').some((value) => RetryInfo.decode(value).retryDelay);
  }
}

type Reply<T> = (error: ServiceError | null, response: T) => void;

/** A client of one router that passes errors on and retries nothing. */
export class Api {
  readonly stub: LedgerServiceClient;

  /** @param retries 1: the library sends again what a server has provably not taken */
  constructor(routerAddress: string, { retries = 0 } = {}) {
    const options = { 'grpc.enable_retries': retries, 'grpc.max_receive_message_length': -1 };
    this.stub = new LedgerServiceClient(routerAddress, channelTo(routerAddress, 'router'), options);
  }

  /** Calls with a deadline, 20 s if none is given. Throws ApiError. */
  call<T>(
    make: (
      stub: LedgerServiceClient,
      metadata: Metadata,
      options: { deadline: number },
      reply: Reply<T>,
    ) => unknown,
    deadlineMs = 20_000,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const options = { deadline: Date.now() + deadlineMs };
      make(this.stub, new Metadata(), options, (error, response) => {
        if (error === null) resolve(response);
        else reject(new ApiError(error));
      });
    });
  }

  transfer(fields: Partial<CreateTransferRequest>, deadlineMs?: number) {
    const request = CreateTransferRequest.fromPartial(fields);
    return this.call<CreateTransferResponse>(
      (stub, ...rest) => stub.createTransfer(request, ...rest),
      deadlineMs,
    );
  }

  transfers(all: Partial<CreateTransferRequest>[], deadlineMs?: number) {
    const request = { transfers: all.map((fields) => CreateTransferRequest.fromPartial(fields)) };
    return this.call<CreateTransfersResponse>(
      (stub, ...rest) => stub.createTransfers(request, ...rest),
      deadlineMs,
    );
  }

  open(fields: Partial<OpenAccountRequest>) {
    const request = OpenAccountRequest.fromPartial(fields);
    return this.call<OpenAccountResponse>((stub, ...rest) => stub.openAccount(request, ...rest));
  }

  /** Opens an account, by default without limits, and returns its id. */
  async account(externalId: string, fields: Partial<OpenAccountRequest> = {}): Promise<bigint> {
    const min = { $case: 'noMinBalance', value: true } as const;
    const place = { homeRegion: 'eu-west', asset: 'EUR' };
    const { account } = await this.open({ externalId, min, ...place, ...fields });
    if (account === undefined) throw new Error(`${externalId} was not opened`);
    return account.id;
  }

  /** The outcome of a key of a payer. */
  whatBecameOf(idempotencyKey: string, debitAccountId = 0n, namespace = '') {
    const by = { $case: 'idempotencyKey', value: idempotencyKey } as const;
    const request = { by, namespace, debitAccountId, options: undefined };
    return this.call<GetTransferResponse>((stub, ...rest) => stub.getTransfer(request, ...rest));
  }

  close(): void {
    this.stub.close();
  }
}
