import type {
  SettleLeg,
  SettleReply,
  SettleRequest,
} from '../../proto/gen/meridian/internal/v1/book.ts';
import { type ChannelHash, type Divergence, hashAfterAll, legLine } from '../core/channel.ts';
import type { SettleCommand, SettleOutcome } from '../core/post/command.ts';
import type { BookLeader } from '../leader/book-leader.ts';
import type { BookMember } from '../member/book-member.ts';
import type { Logger } from '../logger.ts';
import { aborted, legsDiffer, refuseMalformed } from '../rpc/error.ts';
import { validateLegs } from '../settlement/validate-legs.ts';
import { leaderOf, outcomeFrom } from './asking.ts';
import { requirePeer } from './compare-channel.ts';

/**
 * Applies second legs from another book. Legs that were applied before are skipped, so that a
 * call may be repeated, but only if they are the same; the answer always has every refusal that
 * the origin has not closed.
 *
 * ABORTED: this server does not lead the book, or the legs would leave a gap.
 * FAILED_PRECONDITION with CHANNEL_DIVERGED: the origin has other legs than this book. The
 * channel is halted then, durably.
 */
export async function settle(
  member: BookMember,
  log: Logger,
  request: SettleRequest,
): Promise<SettleReply> {
  const leader = leaderOf(member);
  const { originBook, originName, legs } = request;
  requirePeer(member, originBook, originName);
  refuseMalformed(validateLegs(member.config.books, request));
  const closedThrough = Number(request.closedThrough);
  const firstNumber = Number(request.firstNumber);
  const { applied, diverged } = leader.memory.channel(originBook);
  if (diverged !== null) throw halted(leader, originBook, diverged);
  const skip = Math.max(0, applied + 1 - firstNumber);
  const different =
    closedThrough > applied
      ? lost(leader, closedThrough, applied)
      : await firstDifference(member, request, applied);
  if (different !== null) throw await halt(leader, log, originBook, different);
  const fresh = legs.slice(skip);
  let outcome: Pick<SettleOutcome, 'appliedThrough' | 'inOrder' | 'refusals' | 'agrees'> = {
    inOrder: true,
    agrees: true,
    appliedThrough: applied,
    refusals: [],
  };
  if (fresh.length > 0) {
    const hashBefore = hashAt(request, legs.slice(0, skip));
    const first = firstNumber + skip;
    const captures = capturesOf(request);
    const command = { kind: 'settle', originBook, firstNumber: first, legs: fresh } as const;
    outcome = await outcomeFrom(leader.execute({ ...command, hashBefore, captures }));
    if (!outcome.agrees) throw await hashDiffers(leader, log, originBook, first);
  }
  if (!outcome.inOrder) {
    throw aborted(`leg ${firstNumber} does not follow ${outcome.appliedThrough}`, 100);
  }
  // Earlier refusals, whose answer may have been lost, come again from the journal.
  const earlier =
    applied > closedThrough
      ? await member.store.readRefusals(originBook, closedThrough, applied)
      : [];
  const refusals = [...earlier, ...outcome.refusals];
  return {
    appliedThrough: BigInt(outcome.appliedThrough),
    refusals: refusals.map(({ number, reason }) => ({ number: BigInt(number), reason })),
    appliedHash: appliedHashOf(leader, originBook, outcome.appliedThrough),
  };
}

function capturesOf({ captures }: SettleRequest): SettleCommand['captures'] {
  if (captures.length === 0) return undefined;
  return new Map(captures.map(({ number, holdId, final }) => [Number(number), { holdId, final }]));
}

/** Empty if another call has applied more meanwhile, or the hash is behind. */
function appliedHashOf(leader: BookLeader, originBook: number, through: number): Buffer {
  const { appliedHash } = leader.memory.channel(originBook);
  return Buffer.from(appliedHash.through === through ? appliedHash.value : '', 'hex');
}

/** Hash of all before the first leg that is new here; undefined: the origin reports none. */
function hashAt(
  { hashBefore, firstNumber }: SettleRequest,
  skipped: readonly SettleLeg[],
): string | undefined {
  if (hashBefore.length === 0) return undefined;
  const value = hashBefore.toString('hex');
  const before: ChannelHash = { through: Number(firstNumber) - 1, value };
  return hashAfterAll(before, skipped).value;
}

/** The origin has an answer to a leg that this book has no row of: this book has lost it. */
function lost({ memory }: BookLeader, closedThrough: number, applied: number): Divergence {
  const why = `leg ${closedThrough} was answered, and ${applied} is the last one applied`;
  return { book: memory.book.number, number: applied + 1, why };
}

/**
 * The first leg that was applied before as another one. The origin gives a number once, unless it
 * has lost the row that it gave it to.
 */
async function firstDifference(
  { store }: BookMember,
  { originBook, firstNumber, legs }: SettleRequest,
  applied: number,
): Promise<Divergence | null> {
  const first = Number(firstNumber);
  const count = Math.min(legs.length, applied + 1 - first);
  if (count <= 0) return null;
  const known = await store.readArrivedLegs(originBook, first - 1, count);
  for (const [index, { leg: mine }] of known.entries()) {
    const theirs = legs[index];
    const number = first + index;
    if (mine === undefined || theirs === undefined) continue;
    if (legLine(number, mine) === legLine(number, theirs)) continue;
    const why = `leg ${number} is ${theirs.transferId}, and ${mine.transferId} has arrived by it`;
    return { book: originBook, number, why };
  }
  return null;
}

async function hashDiffers(
  leader: BookLeader,
  log: Logger,
  originBook: number,
  first: number,
): Promise<Error> {
  const { diverged } = leader.memory.channel(originBook);
  if (diverged !== null) return halted(leader, originBook, diverged);
  const why = `the legs before ${first} are not those that have arrived`;
  return halt(leader, log, originBook, { book: originBook, number: first - 1, why });
}

/** Halts the channel, durably, and gives the error to answer. */
async function halt(
  leader: BookLeader,
  log: Logger,
  originBook: number,
  divergence: Divergence,
): Promise<Error> {
  const { memory } = leader;
  await outcomeFrom(leader.execute({ kind: 'diverge', peerBook: originBook, divergence }));
  const channel = memory.channelName(originBook, memory.book.number);
  const { number, why } = divergence;
  log.error('CHANNEL_DIVERGED', { channel, number, lost: memory.bookName(divergence.book), why });
  return halted(leader, originBook, divergence);
}

function halted({ memory }: BookLeader, originBook: number, { why }: Divergence): Error {
  const channel = memory.channelName(originBook, memory.book.number);
  return legsDiffer(`${channel} is halted: ${why}`, channel);
}
