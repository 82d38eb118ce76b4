import type { Channel, Divergence } from './channel.ts';

/** What the other end of a channel reports to have; directions are as that book sees them. */
export type ChannelEnd = Omit<Channel, 'peerBook'>;

/** The books at this end of a channel and at the other. */
export interface Ends {
  readonly book: number;
  readonly peerBook: number;
}

/**
 * Returns the proof that this book has lost rows: the other end has answers to legs that were
 * never sent, or was answered about legs that never arrived. Null: there is none.
 *
 * @param mine read after the other end has reported what it has
 */
export function ownLoss({ book }: Ends, mine: ChannelEnd, theirs: ChannelEnd): Divergence | null {
  if (theirs.applied > mine.sent) {
    const why = `leg ${theirs.applied} has arrived, and ${mine.sent} is the last one sent`;
    return { book, number: mine.sent + 1, why };
  }
  if (theirs.settled > mine.applied) {
    const why = `leg ${theirs.settled} was answered, and ${mine.applied} is the last one applied`;
    return { book, number: mine.applied + 1, why };
  }
  return null;
}

/**
 * The same of the other book. Null: nothing proves it.
 *
 * @param before what this book had before it asked
 */
export function peerLoss(
  { peerBook }: Ends,
  before: ChannelEnd,
  theirs: ChannelEnd,
): Divergence | null {
  return ownLoss({ book: peerBook, peerBook }, theirs, before);
}

/**
 * True if the other end, which had lost rows, has proven that it has all again that this book
 * knows of.
 */
export function isRepaired(mine: ChannelEnd, theirs: ChannelEnd): boolean {
  const { appliedHash, applied } = mine;
  return (
    theirs.diverged === null &&
    theirs.sent >= applied &&
    theirs.applied >= mine.settled &&
    appliedHash.through === applied &&
    theirs.settledHash.through === applied &&
    theirs.settledHash.value === appliedHash.value
  );
}
