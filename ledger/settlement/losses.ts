import { Metadata } from '@grpc/grpc-js';
import type {
  CompareChannelReply,
  ListLegsReply,
  ListLegsRequest,
  NumberedLeg as ListedLeg,
  ReservedHold,
  SettleLeg,
} from '../../proto/gen/meridian/internal/v1/book.ts';
import { Reason } from '../../proto/gen/meridian/v1/reason.ts';
import { accountId } from '../core/account-id.ts';
import { must } from '../core/assert.ts';
import { type Channel, legLine } from '../core/channel.ts';
import type { ChannelEnd } from '../core/channel-compare.ts';
import type { ArrivedLeg, CaptureOf, LostLeg, UndoneLeg } from '../core/post/command.ts';
import { RowKind } from '../core/journal-row.ts';
import { recoveredId, undoneId } from '../core/post/post-recovery.ts';
import type { Leader } from '../rpc/leaders.ts';
import type { LegReads } from '../store/book-store.ts';
import { endOf, viewOf } from './compare.ts';
import { foreignLegs } from './foreign-legs.ts';
import type { NumberedLeg } from '../store/stored-records.ts';

/** Legs that are read at once: as many of any size fit a message. */
const PAGE = 2000;
/** A repair is made by hand and repeated by hand: it need not wait longer. */
const CALL_TIMEOUT_MS = 10_000;
/** Number that no account ever has: the peer refuses legs for it. */
const NO_ACCOUNT = 2 ** 48 - 1;

/** The repair of one number of a channel. */
export interface RepairStep {
  readonly sent: LostLeg | null;
  readonly undone: UndoneLeg | null;
}

/** The rows of a channel that a book has lost and its peer still has. */
export interface Losses {
  readonly steps: readonly RepairStep[];
  readonly arrived: readonly ArrivedLeg[];
  /** The same, to be listed. */
  readonly lostSent: readonly ListedLeg[];
  readonly lostArrived: readonly ListedLeg[];
  readonly undone: readonly ListedLeg[];
  /** Holds that lost legs captured, and that are not captured again. */
  readonly reserved: readonly ReservedHold[];
  /** Undefined: this book is an older copy. Otherwise why it is not, in words (foreign-legs.ts). */
  readonly foreign: string | undefined;
}

export interface LossParts {
  readonly store: LegReads;
  readonly peer: Leader;
  readonly book: number;
  readonly name: string;
}

/**
 * Compares a channel leg by leg with its other end, from where both have agreed last. It may be
 * asked again when a part of what it has found has been booked.
 */
export async function findLosses(parts: LossParts, channel: Readonly<Channel>): Promise<Losses> {
  const { peerBook, settled, applied, sent } = channel;
  const theirs = await listAll(parts, true, settled);
  const ours = await readAll(parts.store, peerBook, settled, sent);
  const lostArrived = await listAll(parts, false, applied);
  const view = await askView(parts, channel);
  const unknown = { arrived: theirs, left: lostArrived };
  const arrivedIds = new Set(theirs.map(({ leg }) => leg?.transferId));
  const byNumber = new Map(ours.map((leg) => [leg.number, leg]));
  const lostSent = theirs.filter(({ number, leg }) => {
    const mine = byNumber.get(Number(number));
    return leg !== undefined && !isSame(Number(number), mine?.leg, leg);
  });
  const last = Number(theirs.at(-1)?.number ?? settled);
  // The peer has them under another number already, and must not apply them again.
  const repeated = ours.filter(
    ({ number, leg }) => number > last && arrivedIds.has(leg.transferId),
  );
  const repeatedIds = new Set(repeated.map(({ leg }) => leg.transferId));
  const taken = await parts.store.readExistingIds(
    lostSent.flatMap(({ leg }) => leg?.transferId ?? []),
  );
  const steps = lostSent.map((listed): RepairStep => {
    const leg = must(listed.leg, 'a lost leg has its content');
    const mine = byNumber.get(Number(listed.number));
    const id = leg.transferId;
    const rowId = taken.has(id) ? recoveredId(peerBook, id) : id;
    // Of a number that has another leg here, and of a capture that was made again, the row is
    // not that of a capture.
    const capture = mine === undefined && rowId === id ? captureOf(listed) : null;
    // The row of a repeated reversal has drawn on what both reverse, and keeps what it took.
    const draws = leg.reversalOf !== '' && !repeatedIds.has(id);
    return {
      sent: { number: Number(listed.number), leg, rowId, moves: true, draws, capture },
      undone: mine === undefined ? null : undoneLeg(mine, arrivedIds),
    };
  });
  const collided = lostSent.flatMap(({ number }) => byNumber.get(Number(number)) ?? []);
  return {
    steps: [...steps, ...repeated.map((leg) => ({ sent: emptied(peerBook, leg), undone: null }))],
    arrived: lostArrived.map((listed) => ({
      number: Number(listed.number),
      leg: must(listed.leg, 'a leg has its content'),
      reason: listed.reason,
      capture: captureOf(listed),
    })),
    lostSent,
    lostArrived,
    undone: [...collided, ...repeated].map(listedLeg),
    reserved: await reservedHolds(parts.store, steps, lostSent, ours),
    foreign: view === undefined ? undefined : foreignLegs(channel, view, unknown),
  };
}

/**
 * Holds that lost legs captured and of which something is left, where a capture cannot be booked
 * as one (post-recovery.ts). A capture that was made again has drawn on its hold by that row.
 */
async function reservedHolds(
  store: LegReads,
  steps: readonly RepairStep[],
  lostSent: readonly ListedLeg[],
  ours: readonly NumberedLeg[],
): Promise<ReservedHold[]> {
  const madeAgain = new Set(ours.map(({ leg }) => leg.transferId));
  const captures = lostSent.flatMap(({ capture, leg }, index) => {
    if (capture === undefined || leg === undefined || madeAgain.has(leg.transferId)) return [];
    return [{ leg, holdId: capture.holdId, again: steps[index]?.sent?.capture ?? null }];
  });
  if (captures.length === 0) return [];
  const found = await store.loadOriginals(captures.map(({ holdId }) => holdId));
  const holds = new Map(
    found.filter(({ kind }) => kind === RowKind.hold).map((one) => [one.id, one]),
  );
  // The amount of an undone capture returns to its hold first.
  for (const { undone } of steps) {
    const hold = holds.get(undone?.capture?.holdId ?? '');
    if (hold === undefined || undone === null) continue;
    if (hold.left > 0n || hold.endedBy === RowKind.capture) hold.left += undone.leg.amount;
  }
  const reserved: ReservedHold[] = [];
  for (const { leg, holdId, again } of captures) {
    const hold = holds.get(holdId);
    if (hold === undefined || hold.left === 0n) continue;
    if (again !== null && hold.left >= leg.amount) {
      hold.left -= leg.amount;
      continue;
    }
    const { left, debitAccountId, creditAccountId } = hold;
    const { asset, transferId } = leg;
    reserved.push({ holdId, debitAccountId, creditAccountId, left, asset, transferId });
  }
  return reserved;
}

function captureOf({ capture }: ListedLeg): CaptureOf | null {
  return capture === undefined ? null : { holdId: capture.holdId, final: capture.final };
}

function isSame(number: number, mine: SettleLeg | undefined, theirs: SettleLeg): boolean {
  return mine !== undefined && legLine(number, mine) === legLine(number, theirs);
}

function undoneLeg(
  { leg, drawn, capture }: NumberedLeg,
  arrivedIds: ReadonlySet<string | undefined>,
): UndoneLeg {
  const arrivedElsewhere = arrivedIds.has(leg.transferId);
  // A capture that arrived under another number has taken its amount from the hold permanently.
  return { leg, drawn, capture: arrivedElsewhere ? null : capture, arrivedElsewhere };
}

/**
 * The number still has to be answered: the peer refuses a leg for no account, and its amount goes
 * back to the payer, who has paid by the recovered leg.
 */
function emptied(peerBook: number, { number, leg }: NumberedLeg): LostLeg {
  const transferId = undoneId(peerBook, leg.transferId);
  const creditAccountId = accountId(peerBook, NO_ACCOUNT);
  const rowId = recoveredId(peerBook, transferId);
  return {
    number,
    leg: { ...leg, transferId, creditAccountId, reversalOf: '' },
    rowId,
    moves: false,
    draws: false,
    capture: null,
  };
}

function listedLeg({ number, leg, atMicros, capture: captured }: NumberedLeg): ListedLeg {
  const reason = Reason.UNSPECIFIED;
  const capture = captured === null ? undefined : { number: BigInt(number), ...captured };
  return { number: BigInt(number), leg, reason, atMicros: BigInt(atMicros), capture };
}

async function readAll(
  store: LegReads,
  peerBook: number,
  after: number,
  through: number,
): Promise<NumberedLeg[]> {
  const legs: NumberedLeg[] = [];
  for (;;) {
    const page = await store.readLegsAfter(peerBook, legs.at(-1)?.number ?? after, PAGE);
    legs.push(...page.filter(({ number }) => number <= through));
    if (page.length < PAGE) return legs;
  }
}

async function listAll(parts: LossParts, arrived: boolean, after: number): Promise<ListedLeg[]> {
  const { book, name } = parts;
  const legs: ListedLeg[] = [];
  for (;;) {
    const from = legs.at(-1)?.number ?? BigInt(after);
    const request = { book, name, arrived, after: from, limit: PAGE };
    const { legs: page } = await ask(parts.peer, request);
    legs.push(...page);
    if (page.length < PAGE) return legs;
  }
}

function ask({ client }: Leader, request: ListLegsRequest): Promise<ListLegsReply> {
  return new Promise((resolve, reject) => {
    const options = { deadline: Date.now() + CALL_TIMEOUT_MS };
    client.listLegs(request, new Metadata(), options, (error, reply) => {
      if (error === null) resolve(reply);
      else reject(error);
    });
  });
}

/** The other end of the channel now, after its legs were listed: it does not move. */
async function askView(
  { peer, book, name }: LossParts,
  channel: Readonly<Channel>,
): Promise<ChannelEnd | undefined> {
  const request = { book, name, view: viewOf(channel) };
  const { view } = await new Promise<CompareChannelReply>((resolve, reject) => {
    const options = { deadline: Date.now() + CALL_TIMEOUT_MS };
    peer.client.compareChannel(request, new Metadata(), options, (error, reply) => {
      if (error === null) resolve(reply);
      else reject(error);
    });
  });
  return view === undefined ? undefined : endOf(view);
}
