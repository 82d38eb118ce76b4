import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import {
  type OpenAccountRequest,
  type OpenAccountResponse,
} from '../../proto/gen/meridian/v1/account.ts';
import { LedgerServiceClient, LedgerServiceService } from '../../proto/gen/meridian/v1/ledger.ts';

const CALL_TIMEOUT_MS = 60_000;
const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;

const CHANNEL_OPTIONS = {
  'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
  'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
  // A call that fails is a finding here, not something to retry.
  'grpc.enable_retries': 0,
  'grpc.enable_channelz': 0,
};

type Answer<T> = (error: ServiceError | null, answer: T | undefined) => void;

const asItIs = (bytes: Buffer): Buffer => bytes;

/**
 * A client that sends requests which are encoded already and hands answers back undecoded.
 * Every request goes out as it is, without interceptors or repeats.
 */
export class RouterClient {
  readonly #raw: Client;
  readonly #typed: LedgerServiceClient;

  /** @param address HOST:PORT of a router */
  constructor(address: string) {
    this.#raw = new Client(address, credentials.createInsecure(), CHANNEL_OPTIONS);
    this.#typed = new LedgerServiceClient(address, credentials.createInsecure(), CHANNEL_OPTIONS);
  }

  /** Sends an encoded CreateTransfersRequest. */
  createTransfers(request: Buffer, answer: Answer<Buffer>): void {
    this.#send(LedgerServiceService.createTransfers.path, request, answer);
  }

  /** Sends an encoded CreateTransferRequest. */
  createTransfer(request: Buffer, answer: Answer<Buffer>): void {
    this.#send(LedgerServiceService.createTransfer.path, request, answer);
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
    this.#raw.close();
    this.#typed.close();
  }

  #send(path: string, request: Buffer, answer: Answer<Buffer>): void {
    const deadline = Date.now() + CALL_TIMEOUT_MS;
    this.#raw.makeUnaryRequest(path, asItIs, asItIs, request, { deadline }, answer);
  }
}
