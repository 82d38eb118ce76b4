import type {
  RepairChannelReply,
  RepairChannelRequest,
} from '../../proto/gen/meridian/internal/v1/book.ts';
import { Reason } from '../../proto/gen/meridian/v1/reason.ts';
import type { LostAccount, RecoverCommand } from '../core/post/command.ts';
import { accountNumberOf } from '../core/account-id.ts';
import { BY_LENGTH_MAX, WHY_LENGTH_MAX } from '../core/limits.ts';
import type { FieldViolation } from '../core/validate/validate.ts';
import type { BookLeader } from '../leader/book-leader.ts';
import type { BookMember } from '../member/book-member.ts';
import type { Logger } from '../logger.ts';
import { aborted, refuseMalformed, unavailable, unrepairable } from '../rpc/error.ts';
import type { Leaders } from '../rpc/leaders.ts';
import { catchUp } from '../settlement/compare.ts';
import { findLosses, type Losses, type RepairStep } from '../settlement/losses.ts';
import type { LegReads } from '../store/book-store.ts';
import { leaderOf, outcomeFrom } from './asking.ts';

/** Numbers of one batch. */
const STEPS_MAX = 500;

/** Leaders whose book is being repaired: a repair goes on when its caller has gone. */
const repairing = new WeakSet<BookLeader>();

/**
 * Lists what this book has lost of a channel and its other end still has; if confirmed, books
 * that and lets the channel go on. A repair that ended in the middle goes on where it was: what
 * is booked is not missing any more.
 *
 * ABORTED: another repair of this book is under way.
 * FAILED_PRECONDITION with NOT_DIVERGED: this book has lost nothing of the channel.
 * UNAVAILABLE with NO_LEADER: a book is not led that has to be asked.
 * FAILED_PRECONDITION with ACCOUNT_REUSED: a lost leg names an account that is another one now.
 * FAILED_PRECONDITION with FOREIGN_DATABASE: this database is no older copy of the book.
 */
export async function repairChannel(
  member: BookMember,
  leaders: Leaders,
  log: Logger,
  request: RepairChannelRequest,
): Promise<RepairChannelReply> {
  const leader = leaderOf(member);
  const { confirmed, by, why } = request;
  refuseMalformed(confirmed ? decisionViolations(by, why) : []);
  const parts = { member, leader, leaders, log };
  if (!confirmed) return repair(parts, request);
  // What one has found missing, the other has booked by then.
  if (repairing.has(leader)) throw aborted('a channel of this book is being repaired', 1_000);
  repairing.add(leader);
  try {
    return await repair(parts, request);
  } finally {
    repairing.delete(leader);
  }
}

interface RepairParts {
  readonly member: BookMember;
  readonly leader: BookLeader;
  readonly leaders: Leaders;
  readonly log: Logger;
}

async function repair(
  { member, leader, leaders, log }: RepairParts,
  { peerBook, confirmed, by, why }: RepairChannelRequest,
): Promise<RepairChannelReply> {
  const { number: book, name } = member.config.book;
  await outcomeFrom(leader.proveLeading());
  if (leader.memory.channel(peerBook).diverged?.book !== book) {
    throw unrepairable('NOT_DIVERGED', `${name} has lost nothing of its channel to ${peerBook}`);
  }
  await outcomeFrom(catchUp({ store: member.store, leader, log }, peerBook));
  const channel = { ...leader.memory.channel(peerBook) };
  const peer = leaders.leaderOf(peerBook);
  if (peer === undefined) throw unavailable('NO_LEADER', `book ${peerBook} has no leader now`, 200);
  const losses = await findLosses({ store: member.store, peer, book, name }, channel);
  if (losses.foreign !== undefined) {
    throw foreign(name, leader.memory.bookName(peerBook), losses.foreign);
  }
  const { lostSent, undone, lostArrived } = losses;
  const others = await otherLosses({ member, leader, leaders, log }, peerBook);
  const accounts = await lostAccounts(member.store, [losses, ...others.losses]);
  if (others.silent.length > 0) await requireWithoutGaps(member, accounts, others.silent);
  if (confirmed) {
    const commands = recoveries(losses, { kind: 'recover', peerBook, accounts, by, why });
    for (const command of commands) await outcomeFrom(leader.execute(command));
    const counts = { sent: lostSent.length, undone: undone.length, arrived: lostArrived.length };
    log.warn('a channel was repaired', { peerBook, by, why, ...counts });
  }
  return {
    lostSent: [...lostSent],
    undone: [...undone],
    lostArrived: [...lostArrived],
    reserved: [...losses.reserved],
    repaired: confirmed,
  };
}

/**
 * Nothing can be booked on rows that are not those of the book: its own have to come back first.
 * Neither of two books can know that it is the other one that differs.
 */
function foreign(name: string, peer: string, why: string): Error {
  return unrepairable(
    'FOREIGN_DATABASE',
    `${name} and ${peer} differ in legs that both have closed, so the database of one of them is ` +
      `no older copy of its book: of ${name}, ${why}. Nothing was changed. Stop the ledger ` +
      'servers of the book whose database was replaced, and keep a dump of that database: what ' +
      'only it has cannot be booked. Put a backup of the book in its place, however old; without ' +
      'one, an empty database ("meridian book create"). Start all ledger servers and routers ' +
      'again, then run "meridian channel repair" for each book that "meridian channel list" names',
  );
}

function decisionViolations(by: string, why: string): FieldViolation[] {
  const found: FieldViolation[] = [];
  const check = (field: string, text: string, most: number) => {
    if (text !== '' && text.length <= most) return;
    found.push({ field, description: `must have 1 to ${most} characters` });
  };
  check('by', by, BY_LENGTH_MAX);
  check('why', why, WHY_LENGTH_MAX);
  return found;
}

/**
 * The commands that book the losses, each a batch; the last one ends the halt. What has arrived
 * comes first: reversals of it that left are to find it.
 */
function recoveries(
  { steps, arrived }: Losses,
  shared: Pick<RecoverCommand, 'kind' | 'peerBook' | 'accounts' | 'by' | 'why'>,
): RecoverCommand[] {
  const parts = [
    ...pagesOf(arrived).map((page) => ({ ...stepsOf([]), arrived: page })),
    ...pagesOf(steps).map((page) => ({ ...stepsOf(page), arrived: [] })),
  ];
  const all = parts.length > 0 ? parts : [{ ...stepsOf([]), arrived: [] }];
  return all.map((part, index) => ({ ...shared, ...part, done: index === all.length - 1 }));
}

function pagesOf<T>(items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / STEPS_MAX) }, (_, index) =>
    items.slice(index * STEPS_MAX, (index + 1) * STEPS_MAX),
  );
}

function stepsOf(steps: readonly RepairStep[]): Pick<RecoverCommand, 'sent' | 'undone'> {
  return {
    sent: steps.flatMap(({ sent }) => sent ?? []),
    undone: steps.flatMap(({ undone }) => undone ?? []),
  };
}

/**
 * What the book has lost of its other channels, and the books that cannot be asked. The repair of
 * the first channel opens all lost accounts again, as their numbers have no gaps, and only a leg of
 * an account shows its asset.
 */
async function otherLosses(
  { member, leader, leaders }: RepairParts,
  peerBook: number,
): Promise<{ readonly losses: Losses[]; readonly silent: number[] }> {
  const { number: book, name } = member.config.book;
  const losses: Losses[] = [];
  const silent: number[] = [];
  for (const channel of leader.memory.channels) {
    if (channel.peerBook === peerBook) continue;
    const peer = leaders.leaderOf(channel.peerBook);
    if (peer === undefined) silent.push(channel.peerBook);
    else if (channel.diverged?.book === book)
      losses.push(await findLosses({ store: member.store, peer, book, name }, { ...channel }));
  }
  return { losses, silent };
}

/**
 * @param silent books that may know the assets of lost accounts between those that are known
 * @throws RpcError UNAVAILABLE if there is such an account
 */
async function requireWithoutGaps(
  { store, config: { book } }: BookMember,
  accounts: readonly LostAccount[],
  silent: readonly number[],
): Promise<void> {
  const lost = new Set(accounts.map(({ id }) => id));
  const before = accounts.map(({ id }) => id - 1n).filter((id) => !lost.has(id));
  const known = await store.readAssetsOf(before);
  const gap = before.find((id) => accountNumberOf(id) > 0 && !known.has(id));
  if (gap === undefined) return;
  const text =
    `${book.name} has lost account ${gap} as well, and only a book with a leg of it knows its asset: ` +
    `repair it when book ${silent.join(' and book ')} has a leader, too`;
  throw unavailable('NO_LEADER', text, 1_000);
}

/** Accounts that the lost legs move money of and to, and that this book has lost as well. */
async function lostAccounts(store: LegReads, all: readonly Losses[]): Promise<LostAccount[]> {
  const named = new Map<bigint, string>();
  for (const { lostSent, arrived } of all) {
    for (const { leg } of lostSent) {
      if (leg !== undefined) named.set(leg.debitAccountId, leg.asset);
    }
    for (const { leg, reason } of arrived) {
      if (reason === Reason.UNSPECIFIED) named.set(leg.creditAccountId, leg.asset);
    }
  }
  const known = await store.readAssetsOf([...named.keys()]);
  for (const [id, { asset, transit }] of known) {
    if (asset === named.get(id) && !transit) continue;
    const what = transit ? 'a transit account' : `one of ${asset}`;
    const text = `account ${id} was one of ${named.get(id) ?? ''} and is ${what} now`;
    throw unrepairable('ACCOUNT_REUSED', text);
  }
  return [...named]
    .filter(([id]) => !known.has(id))
    .map(([id, asset]) => ({ id, asset }))
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
}
