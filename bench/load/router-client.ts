import { MeridianClient } from '../../router/client/client.ts';
import {
  type OpenAccountRequest,
  type OpenAccountResponse,
} from '../../proto/gen/meridian/v1/account.ts';
import { LedgerServiceClient, LedgerServiceService } from '../../proto/gen/meridian/v1/ledger.ts';
import { type MessageCallback, Http2Connection } from './http2/http2-connection.ts';
import { callHeaders } from './http2/header-block.ts';
import { linksTo, routerChannel } from '../../regions/links/known-links.ts';

/** As a header of gRPC has it. */
const CALL_TIMEOUT = '60S';
/** Single calls take them in turns: a router serves many clients, each by its own. */
const CONNECTIONS = 4;
const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;

const CHANNEL_OPTIONS = {
  'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
  'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
  // A call that fails is a finding here, not something to retry.
  'grpc.enable_retries': 0,
  'grpc.enable_channelz': 0,
};

/**
 * A client that sends requests which are encoded already and hands answers back undecoded.
 * Every request goes out as it is, without interceptors or repeats.
 */
export class RouterClient {
  readonly #address: string;
  readonly #connections: readonly Http2Connection[];
  readonly #typed: LedgerServiceClient;
  #library: MeridianClient | undefined;
  readonly #transfers: Buffer;
  readonly #transfer: Buffer;
  #calls = 0;

  /** @param address HOST:PORT of a router */
  constructor(address: string) {
    this.#address = address;
    const tls = linksTo(address).connectionTo('router');
    this.#connections = Array.from(
      { length: CONNECTIONS },
      () => new Http2Connection(address, tls),
    );
    this.#typed = new LedgerServiceClient(address, routerChannel(address), CHANNEL_OPTIONS);
    const { createTransfers, createTransfer } = LedgerServiceService;
    this.#transfers = callHeaders(createTransfers.path, address, CALL_TIMEOUT);
    this.#transfer = callHeaders(createTransfer.path, address, CALL_TIMEOUT);
  }

  /** The client library, with its defaults. */
  get library(): MeridianClient {
    this.#library ??= new MeridianClient([this.#address], { channelTo: routerChannel });
    return this.#library;
  }

  /** Sends an encoded CreateTransfersRequest, which must not change until it is answered. */
  createTransfers(request: Buffer, answer: MessageCallback): void {
    this.#connections[0]?.call(this.#transfers, request, answer);
  }

  /** Sends an encoded CreateTransferRequest, which must not change until it is answered. */
  createTransfer(request: Buffer, answer: MessageCallback): void {
    this.#calls += 1;
    this.#connections[this.#calls % CONNECTIONS]?.call(this.#transfer, request, answer);
  }

  /** @throws ServiceError */
  openAccounts(accounts: OpenAccountRequest[]): Promise<OpenAccountResponse[]> {
    return new Promise((resolve, reject) => {
      this.#typed.openAccounts({ accounts }, (error, response) => {
        if (error === null) resolve(response.accounts);
        else reject(error);
      });
    });
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
    this.#typed.close();
    this.#library?.close();
  }
}
