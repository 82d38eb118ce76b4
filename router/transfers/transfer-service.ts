import type { handleBidiStreamingCall, handleUnaryCall } from '@grpc/grpc-js';
import {
  type LedgerServiceServer,
  LedgerServiceService,
} from '../../proto/gen/meridian/v1/ledger.ts';
import {
  type CreateTransferRequest,
  CreateTransfersRequest,
  StreamTransfersResponse,
  type TransferFault,
} from '../../proto/gen/meridian/v1/transfer.ts';
import { bytesOf } from '../../ledger/rpc/message-bytes.ts';
import { ByteReader } from './bytes/byte-reader.ts';
import { framed } from './bytes/frame.ts';
import { decodeSome, scanTransfer, scanTransfers } from './bytes/scan-transfers.ts';
import { TransferItems } from './bytes/transfer-items.ts';

/** Tags of the fields of StreamTransfersRequest; `result` has the second one in the response. */
const SEQUENCE = 0x08;
const TRANSFER = 0x12;

/** A StreamTransfersRequest whose transfer is left as bytes, unless it has to be decoded. */
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
 * The service of routers. Transfers reach their handlers as bytes, unless the scan leaves them to the
 * decoder, and are answered with bytes: nothing is made of them on their way through.
 */
export const transferService = {
  ...LedgerServiceService,
  createTransfer: {
    ...LedgerServiceService.createTransfer,
    readBytes: scanTransfer,
    responseSerialize: bufferOf,
  },
  createTransfers: {
    ...LedgerServiceService.createTransfers,
    readBytes: scanTransfers,
    requestDeserialize: (bytes: Buffer) =>
      decodeSome(bytes) ?? CreateTransfersRequest.decode(bytes),
    responseSerialize: bufferOf,
  },
  streamTransfers: {
    ...LedgerServiceService.streamTransfers,
    readBytes: scanStreamed,
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

/** A request with a valid transfer; undefined: it has to be decoded. */
function scanStreamed(bytes: Buffer): StreamedTransfer | undefined {
  const reader = new ByteReader(bytes, 0, bytes.length);
  let sequence = 0;
  try {
    if (bytes[0] === SEQUENCE) {
      reader.skip(1);
      sequence = reader.exactVarint();
    }
    if (bytes[reader.at] !== TRANSFER) return undefined;
    reader.skip(1);
    if (reader.varint() !== bytes.length - reader.at) return undefined;
  } catch {
    return undefined;
  }
  const transfer = scanTransfer(bytes.subarray(reader.at));
  return transfer && { sequence: BigInt(sequence), transfer };
}

/** Encoded size of what a handler is given, in bytes. */
export function sizeOf(request: object): number {
  return request instanceof TransferItems ? request.bytes.length : bytesOf(request);
}

function streamed({ sequence, answer }: StreamedAnswer): Buffer {
  if (answer.$case === 'fault') {
    return bufferOf(StreamTransfersResponse.encode({ sequence, answer }).finish());
  }
  const head = StreamTransfersResponse.encode({ sequence, answer: undefined }).finish();
  return Buffer.concat([head, framed(TRANSFER, answer.value)]);
}
