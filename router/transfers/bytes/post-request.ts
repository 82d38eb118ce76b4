import { varintBytes, writeVarint } from './frame.ts';

/** Tags of the fields of PostRequest. */
const BATCH = 0x08;
/** Of an item of `transfers`. */
export const POSTED_TAG = 0x12;
const TIMEOUT_MS = 0x1a;
const RUN_SEQUENCES = 0x22;
const RUN_TRANSFERS = 0x2a;

/** Neighbouring items of a batch. */
export interface ItemRun {
  /** Items with POSTED_TAG. */
  readonly bytes: Uint8Array;
  readonly count: number;
  /** After that number of milliseconds no caller waits for them. */
  readonly timeoutMs: number;
  /** What they must be applied in the order of. */
  readonly sequence: number;
}

/** The bytes of a PostRequest. */
export function postRequestOf(batch: number, runs: readonly ItemRun[]): Buffer {
  const sequences = sequencesOf(runs);
  let itemBytes = 0;
  let timeoutBytes = 0;
  for (const { bytes, count, timeoutMs } of runs) {
    itemBytes += bytes.length;
    timeoutBytes += count * varintBytes(timeoutMs);
  }
  const sequenceBytes = sizeOf(sequences.numbers);
  const countBytes = sizeOf(sequences.counts);
  const packed = [timeoutBytes, sequenceBytes, countBytes];
  const packedBytes = packed.reduce((sum, bytes) => sum + 1 + varintBytes(bytes) + bytes, 0);
  const request = Buffer.allocUnsafe(1 + varintBytes(batch) + itemBytes + packedBytes);
  request[0] = BATCH;
  let at = writeVarint(request, 1, batch);
  for (const { bytes } of runs) {
    request.set(bytes, at);
    at += bytes.length;
  }
  request[at] = TIMEOUT_MS;
  at = writeVarint(request, at + 1, timeoutBytes);
  for (const { count, timeoutMs } of runs) {
    const start = at;
    at = writeVarint(request, at, timeoutMs);
    const length = at - start;
    for (let index = 1; index < count; index += 1) {
      for (let byte = 0; byte < length; byte += 1, at += 1) {
        request[at] = request[start + byte] ?? 0;
      }
    }
  }
  request[at] = RUN_SEQUENCES;
  at = writeVarint(request, at + 1, sequenceBytes);
  for (const sequence of sequences.numbers) at = writeVarint(request, at, sequence);
  request[at] = RUN_TRANSFERS;
  at = writeVarint(request, at + 1, countBytes);
  for (const count of sequences.counts) at = writeVarint(request, at, count);
  return request;
}

/** The sequences of neighbouring runs, and how many transfers each has. */
function sequencesOf(runs: readonly ItemRun[]) {
  const numbers: number[] = [];
  const counts: number[] = [];
  for (const { sequence, count } of runs) {
    const last = counts.length - 1;
    if (numbers[last] === sequence) counts[last] = (counts[last] ?? 0) + count;
    else {
      numbers.push(sequence);
      counts.push(count);
    }
  }
  return { numbers, counts };
}

function sizeOf(numbers: readonly number[]): number {
  let bytes = 0;
  for (const number of numbers) bytes += varintBytes(number);
  return bytes;
}
