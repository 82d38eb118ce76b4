import type { handleBidiStreamingCall, handleUnaryCall } from '@grpc/grpc-js';
import {
  type LedgerServiceServer,
  LedgerServiceService,
} from '../../proto/gen/meridian/v1/ledger.ts';
import {
  CreateTransferRequest,
  CreateTransfersRequest,
  StreamTransfersRequest,
  StreamTransfersResponse,
  type TransferFault,
} from '../../proto/gen/meridian/v1/transfer.ts';
import { ByteReader } from './bytes/byte-reader.ts';
import { framed } from './bytes/frame.ts';
import { scanTransfer, scanTransfers } from './bytes/scan-transfers.ts';
import type { TransferItems } from './bytes/transfer-items.ts';

/** Tags of the fields of StreamTransfersRequest; `result` has the second one in the response. */
const SEQUENCE = 0x08;
const TRANSFER = 0x12;

/** A StreamTransfersRequest whose transfer is left as bytes if it is plain. */
export interface StreamedTransfer {
  readonly sequence: bigint;
  readonly transfer: TransferItems | CreateTransferRequest | undefined;
}

/** A StreamTransfersResponse whose result, a CreateTransferResponse, is bytes. */
export interface StreamedAnswer {
  readonly sequence: bigint;
  readonly answer:
    | { readonly $case: 'result'; readonly value: Uint8Array }
    | { readonly $case: 'fault'; readonly value: TransferFault };
}

/**
 * The service of routers. Transfers reach their handlers as bytes where they are plain, and are
 * answered with bytes: nothing is made of them on their way through.
 */
export const transferService = {
  ...LedgerServiceService,
  createTransfer: {
    ...LedgerServiceService.createTransfer,
    requestDeserialize: (bytes: Buffer) =>
      scanTransfer(bytes) ?? CreateTransferRequest.decode(bytes),
    responseSerialize: bufferOf,
  },
  createTransfers: {
    ...LedgerServiceService.createTransfers,
    requestDeserialize: (bytes: Buffer) =>
      scanTransfers(bytes) ?? CreateTransfersRequest.decode(bytes),
    responseSerialize: bufferOf,
  },
  streamTransfers: {
    ...LedgerServiceService.streamTransfers,
    requestDeserialize: (bytes: Buffer): StreamedTransfer =>
      scanStreamed(bytes) ?? StreamTransfersRequest.decode(bytes),
    responseSerialize: streamed,
  },
};

/** What implements it. */
export type TransferServiceServer = Omit<
  Pick<LedgerServiceServer, keyof LedgerServiceService>,
  'createTransfer' | 'createTransfers' | 'streamTransfers'
> & {
  readonly createTransfer: handleUnaryCall<TransferItems | CreateTransferRequest, Uint8Array>;
  readonly createTransfers: handleUnaryCall<TransferItems | CreateTransfersRequest, Uint8Array>;
  readonly streamTransfers: handleBidiStreamingCall<StreamedTransfer, StreamedAnswer>;
};

/** The same bytes. */
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A request that is well-formed; undefined: it has to be decoded. */
function scanStreamed(bytes: Buffer): StreamedTransfer | undefined {
  const reader = new ByteReader(bytes, 0, bytes.length);
  let sequence = 0;
  if (bytes[0] === SEQUENCE) {
    reader.skip(1);
    sequence = reader.varint();
  }
  if (bytes[reader.at] !== TRANSFER || sequence > Number.MAX_SAFE_INTEGER) return undefined;
  reader.skip(1);
  const length = reader.varint();
  if (reader.at + length !== bytes.length) return undefined;
  const transfer = scanTransfer(bytes.subarray(reader.at));
  return transfer && { sequence: BigInt(sequence), transfer };
}

function streamed({ sequence, answer }: StreamedAnswer): Buffer {
  if (answer.$case === 'fault') {
    return bufferOf(StreamTransfersResponse.encode({ sequence, answer }).finish());
  }
  const head = StreamTransfersResponse.encode({ sequence, answer: undefined }).finish();
  return Buffer.concat([head, framed(TRANSFER, answer.value)]);
}
