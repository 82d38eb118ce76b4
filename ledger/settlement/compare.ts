import type { ChannelView } from '../../proto/gen/meridian/internal/v1/book.ts';
import {
  type Channel,
  type ChannelHash,
  contradicts,
  type Divergence,
  HASH_START,
  hashAfterAll,
} from '../core/channel.ts';
import {
  type ChannelEnd,
  type Ends,
  isRepaired,
  ownLoss,
  peerLoss,
} from '../core/channel-compare.ts';
import type { BookLeader } from '../leader/book-leader.ts';
import type { Logger } from '../logger.ts';
import type { LegReads } from '../store/book-store.ts';

/** Legs that are read and hashed at once. */
const PAGE = 2000;
/** Legs that a comparison hashes at most; a hash that is further behind catches up first. */
const HASHED_MAX = 50_000;

export interface CompareParts {
  readonly store: LegReads;
  readonly leader: BookLeader;
  readonly log: Logger;
}

/** The result of a comparison. */
export interface Compared {
  /** Hash of the legs that left this book through the last that arrived; null: not known. */
  readonly arrivedHash: ChannelHash | null;
}

/**
 * Returns what this book reports of a channel.
 * @param settledHash of a number that the other end wants to compare, if that is known
 */
export function viewOf(channel: Readonly<Channel>, settledHash?: ChannelHash | null): ChannelView {
  const { sent, settled, applied, appliedHash, diverged } = channel;
  const hash = settledHash ?? channel.settledHash;
  return {
    sent: BigInt(sent),
    settled: BigInt(settled),
    settledHash: Buffer.from(hash.value, 'hex'),
    settledHashed: BigInt(hash.through),
    applied: BigInt(applied),
    appliedHash: Buffer.from(appliedHash.value, 'hex'),
    appliedHashed: BigInt(appliedHash.through),
    diverged: diverged === null ? undefined : { ...diverged, number: BigInt(diverged.number) },
  };
}

/** Reads what the other end reports. */
export function endOf(view: ChannelView): ChannelEnd {
  const { diverged } = view;
  return {
    sent: Number(view.sent),
    settled: Number(view.settled),
    applied: Number(view.applied),
    settledHash: hashOf(view.settledHash, view.settledHashed),
    appliedHash: hashOf(view.appliedHash, view.appliedHashed),
    diverged:
      diverged === undefined
        ? null
        : { book: diverged.book, number: Number(diverged.number), why: diverged.why },
  };
}

function hashOf(value: Buffer, through: bigint): ChannelHash {
  if (value.length === 0) return HASH_START;
  return { value: value.toString('hex'), through: Number(through) };
}

/**
 * Compares what the other end of a channel reports with what this book has, and halts the channel,
 * or lets it go on, durably.
 *
 * @param before what this book had before it asked; undefined: the other end is the one that asks
 * @throws LedgerError if this is not the leader any more
 */
export async function compare(
  parts: CompareParts,
  peerBook: number,
  theirs: ChannelEnd,
  before?: ChannelEnd,
): Promise<Compared> {
  const { memory } = parts.leader;
  const { number: book } = memory.book;
  const ends = { book, peerBook };
  const mine = { ...memory.channel(peerBook) };
  const arrivedHash = await sentHashAt(parts.store, mine, theirs.appliedHash.through);
  const found =
    ownLoss(ends, mine, theirs) ??
    sentDiffers(ends, theirs, arrivedHash) ??
    (before === undefined ? null : peerLoss(ends, before, theirs)) ??
    (await arrivedDiffers(parts.store, ends, mine, theirs)) ??
    adopted(ends, theirs, before !== undefined && arrivedHash === null);
  await note(parts, mine, found, theirs);
  return { arrivedHash };
}

/** The finding of the other end: that it has lost rows itself or, unrefuted, that we have. */
function adopted(
  { book, peerBook }: Ends,
  theirs: ChannelEnd,
  mayBeOurs: boolean,
): Divergence | null {
  const { diverged } = theirs;
  if (diverged === null) return null;
  return diverged.book === peerBook || (mayBeOurs && diverged.book === book) ? diverged : null;
}

/** Halts the channel for what was found, or ends a halt that has no reason any more. */
async function note(
  { leader, log }: CompareParts,
  mine: Channel,
  found: Divergence | null,
  theirs: ChannelEnd,
): Promise<void> {
  const { memory } = leader;
  const { peerBook } = mine;
  const fields = { channel: memory.channelName(memory.book.number, peerBook), peerBook };
  if (found !== null) {
    // A loss of this book outweighs one of the other: this book must not post at all.
    const outweighs = found.book !== peerBook && mine.diverged?.book === peerBook;
    if (mine.diverged !== null && !outweighs) return;
    await leader.execute({ kind: 'diverge', peerBook, divergence: found });
    const lost = memory.bookName(found.book);
    log.error('CHANNEL_DIVERGED', { ...fields, number: found.number, lost, why: found.why });
    return;
  }
  // Only a repair restores what this book itself has lost.
  if (mine.diverged?.book !== peerBook || !isRepaired(mine, theirs)) return;
  await leader.execute({ kind: 'diverge', peerBook, divergence: null });
  log.info('the two ends of the channel have the same legs again', fields);
}

/** A number has one leg where it was sent: a book with another one lost the leg that arrived. */
function sentDiffers(
  { book }: Ends,
  theirs: ChannelEnd,
  arrivedHash: ChannelHash | null,
): Divergence | null {
  if (arrivedHash === null || !contradicts(arrivedHash, theirs.appliedHash)) return null;
  const { through } = arrivedHash;
  const number = Math.min(theirs.appliedHash.through, through);
  return { book, number, why: `the legs through ${through} are not those that have arrived` };
}

async function arrivedDiffers(
  store: LegReads,
  { peerBook }: Ends,
  mine: Channel,
  theirs: ChannelEnd,
): Promise<Divergence | null> {
  const { through } = theirs.settledHash;
  const { appliedHash, applied } = mine;
  if (through < appliedHash.through || through > applied) return null;
  const hash = await arrivedHashAt(store, peerBook, appliedHash, through);
  if (hash === null || !contradicts(hash, theirs.settledHash)) return null;
  const why = `the legs through ${through} are not those that have arrived`;
  return { book: peerBook, number: through, why };
}

/** Returns null if it is not available now. */
function sentHashAt(store: LegReads, mine: Channel, through: number): Promise<ChannelHash | null> {
  const { settledHash, sent, peerBook } = mine;
  if (through < settledHash.through || through > sent) return Promise.resolve(null);
  return hashForward(settledHash, through, async (after, limit) =>
    (await store.readLegsAfter(peerBook, after, limit)).map(({ leg }) => leg),
  );
}

function arrivedHashAt(
  store: LegReads,
  peerBook: number,
  from: ChannelHash,
  through: number,
): Promise<ChannelHash | null> {
  return hashForward(from, through, async (after, limit) =>
    (await store.readArrivedLegs(peerBook, after, limit)).flatMap(({ leg }) => leg ?? []),
  );
}

async function hashForward(
  from: ChannelHash,
  through: number,
  read: (after: number, limit: number) => Promise<Parameters<typeof hashAfterAll>[1]>,
): Promise<ChannelHash | null> {
  if (through - from.through > HASHED_MAX) return null;
  let hash = from;
  while (hash.through < through) {
    const legs = await read(hash.through, Math.min(PAGE, through - hash.through));
    if (legs.length === 0) return null;
    hash = hashAfterAll(hash, legs);
  }
  return hash;
}

/**
 * Brings the hashes of a channel forward that are behind their cursors: those of a book that
 * existed before channels had hashes, or that an older version has led meanwhile. A page at a
 * time, so that the leader is not held up.
 */
export async function catchUp({ store, leader }: CompareParts, peerBook: number): Promise<void> {
  for (;;) {
    const { settledHash, settled, appliedHash, applied } = leader.memory.channel(peerBook);
    const side = settledHash.through < settled ? 'settled' : 'applied';
    const [from, last] = side === 'settled' ? [settledHash, settled] : [appliedHash, applied];
    if (from.through >= last) return;
    const through = Math.min(last, from.through + PAGE);
    const mine = { ...leader.memory.channel(peerBook) };
    const hash =
      side === 'settled'
        ? await sentHashAt(store, mine, through)
        : await arrivedHashAt(store, peerBook, from, through);
    // The journal is read on another connection, which may be behind: then it is tried later.
    if (hash === null) return;
    await leader.execute({ kind: 'rehash', peerBook, side, hash });
  }
}
