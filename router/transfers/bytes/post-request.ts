import { varintBytes, writeVarint } from './frame.ts';

/** Tags of the fields of PostRequest. */
const BATCH = 0x08;
/** Of an item of `transfers`. */
export const POSTED_TAG = 0x12;
const TIMEOUT_MS = 0x1a;

/** Neighbouring items of a batch. */
export interface ItemRun {
  /** Items with POSTED_TAG. */
  readonly bytes: Uint8Array;
  readonly count: number;
  /** After that number of milliseconds no caller waits for them. */
  readonly timeoutMs: number;
}

/** The bytes of a PostRequest. */
export function postRequestOf(batch: number, runs: readonly ItemRun[]): Buffer {
  let itemBytes = 0;
  let timeoutBytes = 0;
  for (const { bytes, count, timeoutMs } of runs) {
    itemBytes += bytes.length;
    timeoutBytes += count * varintBytes(timeoutMs);
  }
  const request = Buffer.allocUnsafe(
    1 + varintBytes(batch) + itemBytes + 1 + varintBytes(timeoutBytes) + timeoutBytes,
  );
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
  return request;
}
