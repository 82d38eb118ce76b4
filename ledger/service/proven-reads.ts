import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Position,
  ReadLevel,
  type ReadOptions,
} from '../../proto/gen/meridian/v1/position.ts';
import type { BookLeader } from '../leader/book-leader.ts';
import type { BookMember, MemberConfig } from '../member/book-member.ts';
import { LedgerError } from '../leader/ledger-error.ts';
import { aborted, behind, type RpcError, unavailable } from '../rpc/error.ts';
import type { CopyPosition, Seen } from '../store/stored-records.ts';

/** The part of a member of a book that reads need. */
export interface ReadMember extends Pick<BookMember, 'store' | 'leader'> {
  readonly config: Pick<MemberConfig, 'book' | 'books' | 'address' | 'replicated'>;
}

/**
 * How long a member that is behind may take to reach the position asked for, and how often it is
 * checked.
 *
 * Leaders need the time as well as copies: a row that waits for its second region can be read
 * there, at the level STALE, before its leader knows the commit and shows it.
 */
const CATCH_UP_MS = 250;
const LOOK_MS = 20;

/**
 * Reads, and returns what was found with the position of the snapshot that it was found in: a
 * subscription from there neither misses nor repeats anything of it.
 *
 * Failures as those of `positionFor`.
 *
 * @param notBefore a seq of the book that the snapshot must have
 */
export async function readAt<T>(
  member: ReadMember,
  options: ReadOptions | undefined,
  read: () => Promise<Seen<T>>,
  notBefore = 0n,
): Promise<{ found: T; position: Position }> {
  const { leader } = member;
  const mayRead = leader !== undefined || options?.level === ReadLevel.STALE;
  if (!mayRead) throw notLeading(member);
  // A copy reports its position in the same statement, and is asked before only if that matters.
  const bounded = notBefore > 0n || options?.minPosition !== undefined;
  if (leader !== undefined || bounded) await positionFor(member, options, notBefore);
  const { found, end } = await read();
  if (leader === undefined) {
    const position = copyPosition(member, end);
    if (position === undefined) throw notLeading(member);
    return { found, position };
  }
  if (end === undefined || end.epoch !== BigInt(leader.memory.epoch)) throw notLeading(member);
  const { book, epoch, seq } = end;
  await acknowledged(member, leader, seq);
  return { found, position: { book, epoch, seq } };
}

/**
 * Resolves once the leader knows that everything through `seq` is committed. What a read
 * finds before that is not acknowledged to any caller yet.
 */
async function acknowledged(member: ReadMember, leader: BookLeader, seq: bigint): Promise<void> {
  const until = performance.now() + CATCH_UP_MS;
  while (BigInt(leader.memory.seq) < seq) {
    if (member.leader !== leader) throw notLeading(member);
    if (performance.now() > until) {
      throw behind(member.config.book.name, BigInt(leader.memory.seq), seq);
    }
    await sleep(1);
  }
}

/**
 * Returns a position; every later read on this server is at least that new, at the level that the
 * request asks for. It is not before the seq `notBefore` of the book.
 *
 * UNAVAILABLE: this server may not answer at that level, or has not reached that position.
 * ABORTED: it has been deposed.
 */
export async function positionFor(
  member: ReadMember,
  options: ReadOptions | undefined,
  notBefore = 0n,
): Promise<Position> {
  const { level = ReadLevel.UNSPECIFIED, minPosition } = options ?? {};
  const { book } = member.config;
  const bound = minPosition?.book === book.number ? minPosition.seq : 0n;
  const asked = bound > notBefore ? bound : notBefore;
  const { leader } = member;
  if (leader !== undefined && level === ReadLevel.LINEARIZABLE) await prove(leader);
  const until = performance.now() + CATCH_UP_MS;
  for (;;) {
    const position = await positionAt(member, level);
    if (position.seq >= asked) return position;
    if (performance.now() > until) throw behind(book.name, position.seq, asked);
    await sleep(LOOK_MS);
  }
}

/**
 * Resolves once all is committed that will ever have been decided at or before a time, so that
 * a read as of that time gives the same permanently. A batch has its time before it is committed;
 * what is newer than the newest commit may be on its way.
 */
export async function pastIsFinal(member: ReadMember, micros: bigint): Promise<void> {
  const { leader } = member;
  if (leader === undefined || micros < BigInt(leader.memory.atMicros)) return;
  await prove(leader);
}

async function positionAt(member: ReadMember, level: ReadLevel): Promise<Position> {
  const { leader } = member;
  if (leader === undefined) {
    const copy = level === ReadLevel.STALE ? await readCopy(member) : undefined;
    if (copy === undefined) throw notLeading(member);
    return copy;
  }
  const { epoch, seq } = leader.memory;
  return { book: member.config.book.number, epoch: BigInt(epoch), seq: BigInt(seq) };
}

/**
 * Where this copy ends; undefined if it may not be read. A primary without a leader may have
 * commits that no second region has. So may a standby whose newest take-over is this server's
 * own: it was the primary, and knows of no other since.
 */
async function readCopy(member: ReadMember): Promise<Position | undefined> {
  return copyPosition(member, await member.store.readPosition());
}

function copyPosition(
  { config }: ReadMember,
  copy: CopyPosition | undefined,
): Position | undefined {
  if (copy === undefined) return undefined;
  const { book, epoch, seq, leader, standby } = copy;
  const trusted = !config.replicated || (standby && leader !== config.address);
  return trusted ? { book, epoch, seq } : undefined;
}

/**
 * Resolves after a commit of this leader: all is committed then that a copy has shown before.
 * ABORTED: it does not lead any more.
 */
export async function prove(leader: Pick<BookLeader, 'proveLeading'>): Promise<void> {
  try {
    await leader.proveLeading();
  } catch (error) {
    if (error instanceof LedgerError) throw aborted(error.message, 100);
    throw error;
  }
}

function notLeading(member: ReadMember): RpcError {
  return unavailable('NOT_LEADER', `this server does not lead ${member.config.book.name}`, 100);
}
