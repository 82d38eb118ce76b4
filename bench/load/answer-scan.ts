import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { TransferStatus } from '../../proto/gen/meridian/v1/transfer.ts';

/** The number of requests by outcome. */
export interface StatusCounts {
  /** Transfers and captures, and groups as one each. */
  posted: number;
  inTransit: number;
  held: number;
  released: number;
  /** Rejected, returned, or a status that is not known here. */
  refused: number;
}

const noCounts = (): StatusCounts => ({
  posted: 0,
  inTransit: 0,
  held: 0,
  released: 0,
  refused: 0,
});

/** Numbers of the fields that are read: CreateTransfersResponse.results, .status of a result. */
const RESULTS_FIELD = 1;
const STATUS_FIELD = 2;

/**
 * Counts the statuses of an encoded CreateTransfersResponse. Only the statuses are decoded: to
 * build a thousand objects for each call would cost the generator more than sending it.
 */
export function countStatuses(response: Uint8Array): StatusCounts {
  const counts = noCounts();
  const reader = new BinaryReader(response);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field !== RESULTS_FIELD || wireType !== WireType.LengthDelimited) {
      reader.skip(wireType, field);
      continue;
    }
    const end = reader.uint32() + reader.pos;
    count(counts, readStatus(reader, end));
  }
  return counts;
}

/** The count of one request. */
export function countOf(status: number): StatusCounts {
  const counts = noCounts();
  count(counts, status);
  return counts;
}

/** Counts the status of one encoded CreateTransferResponse. */
export function countStatus(response: Uint8Array): StatusCounts {
  const reader = new BinaryReader(response);
  return countOf(readStatus(reader, reader.len));
}

function readStatus(reader: BinaryReader, end: number): number {
  let status = 0;
  while (reader.pos < end) {
    const [field, wireType] = reader.tag();
    if (field === STATUS_FIELD && wireType === WireType.Varint) status = reader.int32();
    else reader.skip(wireType, field);
  }
  return status;
}

function count(counts: StatusCounts, status: number): void {
  if (status === TransferStatus.POSTED) counts.posted += 1;
  else if (status === TransferStatus.IN_TRANSIT) counts.inTransit += 1;
  else if (status === TransferStatus.HELD) counts.held += 1;
  else if (status === TransferStatus.RELEASED) counts.released += 1;
  else counts.refused += 1;
}
