import type { GeneralOutcome } from '../leader/work.ts';
import { resultBytes } from './outcome-bytes.ts';

/**
 * The results of a request in its order, as items of BatchOutcome. The bytes of those that were
 * posted as plain are copied, in runs of neighbours.
 *
 * @param posted results of the plain lane, as such items
 * @param general the results of all other transfers
 * @param count transfers of the request
 */
export function mixedResults(posted: Buffer, general: GeneralOutcome, count: number): Buffer {
  const { indexes } = general;
  const others = resultBytes(general.results);
  if (posted.length === 0) return others;
  const mixed = Buffer.allocUnsafe(posted.length + others.length);
  let end = 0;
  let postedAt = 0;
  let otherAt = 0;
  let index = 0;
  for (let other = 0; other <= indexes.length; other += 1) {
    const next = indexes[other] ?? count;
    const from = postedAt;
    for (; index < next; index += 1) postedAt = afterItem(posted, postedAt);
    end += posted.copy(mixed, end, from, postedAt);
    if (other === indexes.length) break;
    const start = otherAt;
    otherAt = afterItem(others, otherAt);
    end += others.copy(mixed, end, start, otherAt);
    index += 1;
  }
  return mixed;
}

/** Where an item ends, whose tag of one byte is at a place. */
function afterItem(bytes: Buffer, start: number): number {
  let at = start + 1;
  let length = 0;
  for (let scale = 1; ; scale *= 128) {
    const byte = bytes[at] ?? 0;
    at += 1;
    length += (byte & 127) * scale;
    if (byte < 128) return at + length;
  }
}
