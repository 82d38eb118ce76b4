import type { NumberedLeg } from '../../proto/gen/meridian/internal/v1/book.ts';
import { type Channel, type ChannelHash, contradicts, hashAfterAll } from '../core/channel.ts';
import type { ChannelEnd } from '../core/channel-compare.ts';

/**
 * The legs of a book that was put back to an older copy are the beginning of what the other end
 * has; those of a database that never was this book are not. Describes which legs differ although
 * both ends have closed them, which no repair can correct. Returns undefined if none is known to
 * differ.
 *
 * @param theirs what the other end reports of the channel
 * @param arrived the legs that have arrived there after the last that is settled here
 * @param left the legs that have left there after the last that is applied here
 */
export function foreignLegs(
  { settled, settledHash, applied, appliedHash }: Readonly<Channel>,
  theirs: ChannelEnd,
  { arrived, left }: Record<'arrived' | 'left', readonly NumberedLeg[]>,
): string | undefined {
  // A hash that is behind its cursor proves nothing; it catches up within a moment.
  if (
    settledHash.through === settled &&
    contradicts(after(settledHash, arrived), theirs.appliedHash)
  )
    return `the legs through ${settled} that it has sent are not those that have arrived`;
  if (appliedHash.through === applied && contradicts(after(appliedHash, left), theirs.settledHash))
    return `the legs through ${applied} that have arrived are not those that were sent to it`;
  return undefined;
}

function after(hash: ChannelHash, legs: readonly NumberedLeg[]): ChannelHash {
  return hashAfterAll(
    hash,
    legs.flatMap(({ leg }) => leg ?? []),
  );
}
