import { hash } from 'node:crypto';
import type { SettleLeg } from '../../proto/gen/meridian/internal/v1/book.ts';
import { metadataText, text } from './chain.ts';

/** Numbers of the legs exchanged with another book; see `channel` in 0001_journal.sql. */
export interface Channel {
  readonly peerBook: number;
  sent: number;
  settled: number;
  applied: number;
  /** Of the legs that left, through at most `settled`. */
  settledHash: ChannelHash;
  /** Of the legs that arrived, through at most `applied`. */
  appliedHash: ChannelHash;
  /** Null: as far as is known, both ends have the same legs. */
  diverged: Divergence | null;
}

/**
 * Running SHA-256 over the legs 1 to `through` of a channel, as they travel. It is behind the
 * cursor that it belongs to only in a book that existed before channels had hashes, until the
 * leader has caught up.
 */
export interface ChannelHash {
  readonly through: number;
  /** 64 hexadecimal digits. */
  readonly value: string;
}

/** A disagreement between the two ends of a channel. */
export interface Divergence {
  /** First channel number that is known to differ. */
  readonly number: number;
  /** The book that has lost rows which others built on: it was restored from an older copy. */
  readonly book: number;
  readonly why: string;
}

/** Before the first leg. */
export const HASH_START: ChannelHash = { through: 0, value: '0'.repeat(64) };

/** The channel to a book that nothing was ever exchanged with. */
export function newChannel(peerBook: number): Channel {
  const cursors = { sent: 0, settled: 0, applied: 0 };
  return {
    peerBook,
    ...cursors,
    settledHash: HASH_START,
    appliedHash: HASH_START,
    diverged: null,
  };
}

/** The hash after one more leg: of the text of the hash before, followed by the leg's line. */
export function hashAfter({ through, value }: ChannelHash, leg: SettleLeg): ChannelHash {
  const number = through + 1;
  return { through: number, value: hash('sha256', value + legLine(number, leg), 'hex') };
}

/** The hash after some more legs, in order. */
export function hashAfterAll(before: ChannelHash, legs: readonly SettleLeg[]): ChannelHash {
  let after = before;
  for (const leg of legs) after = hashAfter(after, leg);
  return after;
}

/** The content of a leg as one line of text, in the manner of the hash chain (chain.ts). */
export function legLine(number: number, leg: SettleLeg): string {
  return (
    `${number}|${leg.transferId}|${leg.debitAccountId}|${leg.creditAccountId}|${leg.amount}|` +
    `${text(leg.asset)}${leg.code}|${text(leg.reference)}${metadataText(leg.metadata)}` +
    `${leg.reversalOf}|\n`
  );
}

/** True if two hashes are of the same number and differ: the legs up to it are not the same. */
export function contradicts(a: ChannelHash, b: ChannelHash): boolean {
  return a.through === b.through && a.value !== b.value;
}
