import { must } from '../../ledger/core/assert.ts';
import type { CreateTransferRequest } from '../../proto/gen/meridian/v1/transfer.ts';
import { Leg } from '../../proto/gen/meridian/v1/movement.ts';
import type { Random } from '../../ledger/core/random.ts';
import { type Effects, noEffects, sumOf, transfersOf } from './effects.ts';
import {
  type RepeatableCall,
  drawTransfer,
  EncodedCall,
  KEY_PLACEHOLDER,
  type PayersAndPayees,
  transferOf,
} from './encoded-requests.ts';
import type { TimeOrderedKeys } from './time-ordered-keys.ts';

/**
 * Of every 200 requests. Of the holds, 60 % are captured, 30 % released, 10 % left to expire;
 * those captured in two make up for those left alone, so that there is one end for each hold.
 */
const mix = {
  plain: 120,
  groups: 20,
  holds: { captured: 15, capturedInTwo: 3, released: 9, expiring: 3 },
} as const;
const MIX_SIZE = 200;
const LEGS_PER_GROUP = 3;
/** A plain transfer, a hold, a capture or a release is one leg, a group its three. */
export const LEGS_PER_REQUEST = 1 + (mix.groups * (LEGS_PER_GROUP - 1)) / MIX_SIZE;

const HOUR_SECONDS = 3_600;
/** Holds left to expire do so after 1 to this number of seconds, some during the measurement. */
const EXPIRING_SECONDS_MAX = 5;
/** A quarter of a hold must be something. */
const PARTS_OF_HOLD = 4n;
const KEY_LENGTH = KEY_PLACEHOLDER.length;
/** Stands where the id of a hold will be written. */
const HOLD_PLACEHOLDER = '@'.repeat(KEY_LENGTH);

type Fate = keyof typeof mix.holds;

/** A hold of a call, and what the next call will do with it. */
interface Hold {
  readonly fate: Fate;
  /** With the key still to be written. */
  readonly request: CreateTransferRequest;
}

/** A request, and its relation to holds. */
interface Piece {
  readonly request: CreateTransferRequest;
  readonly effects: Effects;
  /** It makes the hold of this place in its call. */
  readonly makes?: number;
  /** It draws on the hold of this place in the call before. */
  readonly drawsOn?: number;
}

/** Calls to be sent one after the other, each when the one before was answered. */
export interface CallCycle {
  /** Once, before the others; undefined: nothing. */
  readonly first: RepeatableCall | undefined;
  /** Again and again, in this order. */
  readonly calls: readonly RepeatableCall[];
}

/**
 * Calls of plain transfers, holds, ends of holds and groups. A call captures and releases the
 * holds of the call before it, which was answered when it is sent. Which hold that is, and so
 * its payer and amount, is settled when the calls are encoded: only ids are copied later.
 *
 * @throws Error unless the items make whole mixes
 */
export function mixedCalls(
  parties: PayersAndPayees,
  random: Random,
  itemsPerCall: number,
  different: number,
): CallCycle {
  const mixes = itemsPerCall / MIX_SIZE;
  if (!Number.isInteger(mixes)) throw new Error(`mixed calls must have ${MIX_SIZE} items each`);
  const holdsOf = Array.from({ length: different }, () => drawHolds(parties, random, mixes));
  const last = must(holdsOf.at(-1), 'there are calls');
  const keys = Buffer.alloc(last.length * KEY_LENGTH);
  const calls = holdsOf.map((holds, index) => {
    const before = holdsOf[index - 1] ?? last;
    const plain = repeat(mix.plain * mixes, () => plainPiece(parties, random));
    const groups = repeat(mix.groups * mixes, () => groupPiece(parties, random));
    const lists = [plain, groups, holds.map(holdPiece), before.flatMap(endPieces)];
    return new MixedCall(interleaved(lists, random), keys);
  });
  // The first of the cycle ends holds of the last one, so those alone are made before.
  return { first: new MixedCall(last.map(holdPiece), keys), calls };
}

/** A call that remembers its holds' keys for the next one of its cycle, which ends them. */
class MixedCall implements RepeatableCall {
  readonly items: number;
  readonly effects: Effects;
  readonly #call: EncodedCall;
  /** Of the holds of the call that was sent last, in their order. */
  readonly #holdKeys: Buffer;
  readonly #made: readonly HoldPlace[];
  readonly #drawnOn: readonly HoldPlace[];

  constructor(pieces: readonly Piece[], holdKeys: Buffer) {
    this.effects = sumOf(pieces.map(({ effects }) => effects));
    this.#call = new EncodedCall(
      pieces.map(({ request }) => request),
      this.effects,
    );
    this.items = this.#call.items;
    this.#holdKeys = holdKeys;
    this.#made = places(
      pieces.map(({ makes }) => makes),
      this.#call.offsets(KEY_PLACEHOLDER),
    );
    const drawn = pieces.map(({ drawsOn }) => drawsOn).filter((hold) => hold !== undefined);
    this.#drawnOn = places(drawn, this.#call.offsets(HOLD_PLACEHOLDER));
  }

  withFreshKeys(keys: TimeOrderedKeys): Buffer {
    const bytes = this.#call.withFreshKeys(keys);
    for (const { offset, at } of this.#drawnOn) {
      this.#holdKeys.copy(bytes, offset, at, at + KEY_LENGTH);
    }
    for (const { offset, at } of this.#made) {
      bytes.copy(this.#holdKeys, at, offset, offset + KEY_LENGTH);
    }
    return bytes;
  }
}

/** Where the id of a hold stands in a call, and where among the keys of holds. */
interface HoldPlace {
  readonly offset: number;
  readonly at: number;
}

function places(holds: readonly (number | undefined)[], offsets: readonly number[]): HoldPlace[] {
  return holds.flatMap((hold, index) => {
    if (hold === undefined) return [];
    const offset = must(offsets[index], 'each hold has its place in the call');
    return [{ offset, at: hold * KEY_LENGTH }];
  });
}

function drawHolds(parties: PayersAndPayees, random: Random, mixes: number): Hold[] {
  const holds = (fate: Fate) =>
    repeat(mix.holds[fate] * mixes, () => ({ fate, request: drawHold(parties, random, fate) }));
  const fates = ['captured', 'capturedInTwo', 'released', 'expiring'] as const;
  return interleaved(
    fates.map((fate) => holds(fate)),
    random,
  );
}

function drawHold(parties: PayersAndPayees, random: Random, fate: Fate): CreateTransferRequest {
  const transfer = drawTransfer(parties, random);
  const timeoutSeconds =
    fate === 'expiring' ? 1 + random.below(EXPIRING_SECONDS_MAX) : HOUR_SECONDS;
  return {
    ...transfer,
    amount: transfer.amount + PARTS_OF_HOLD,
    action: { $case: 'hold', value: { timeoutSeconds } },
  };
}

function plainPiece(parties: PayersAndPayees, random: Random): Piece {
  const request = drawTransfer(parties, random);
  return { request, effects: transfersOf(1, request.amount) };
}

function groupPiece(parties: PayersAndPayees, random: Random): Piece {
  const legs = repeat(LEGS_PER_GROUP, () => {
    const { debitAccountId, creditAccountId, amount } = drawTransfer(parties, random);
    return Leg.fromPartial({ debitAccountId, creditAccountId, amount });
  });
  const amount = legs.reduce((sum, leg) => sum + leg.amount, 0n);
  return {
    request: { ...transferOf(0n, 0n, 0n), action: { $case: 'group', value: { legs } } },
    effects: { ...transfersOf(legs.length, amount), group: { count: 1, amount: 0n } },
  };
}

function holdPiece({ fate, request }: Hold, makes: number): Piece {
  const hold = { count: 1, amount: request.amount };
  const end = fate === 'expiring' ? { expiry: hold } : { openHold: hold };
  return { request, effects: { ...noEffects, hold, ...end }, makes };
}

/** The requests that end a hold. A partial capture comes before the final one. */
function endPieces({ fate, request }: Hold, drawsOn: number): Piece[] {
  const { amount } = request;
  const ended = { count: -1, amount: -amount };
  const capture = (captured: bigint, final: boolean, openHold: Effects['openHold']): Piece => ({
    request: {
      ...transferOf(request.debitAccountId, 0n, captured),
      action: { $case: 'capture', value: { holdId: HOLD_PLACEHOLDER, final } },
    },
    effects: { ...noEffects, capture: { count: 1, amount: captured }, openHold },
    drawsOn,
  });
  const part = amount / PARTS_OF_HOLD;
  switch (fate) {
    case 'captured':
      return [capture(amount, false, ended)];
    case 'capturedInTwo':
      return [capture(part, false, noEffects.openHold), capture(part, true, ended)];
    case 'released': {
      const action = { $case: 'release', value: { holdId: HOLD_PLACEHOLDER } } as const;
      const effects = { ...noEffects, release: { count: 1, amount }, openHold: ended };
      return [
        { request: { ...transferOf(request.debitAccountId, 0n, 0n), action }, effects, drawsOn },
      ];
    }
    case 'expiring':
      return [];
  }
}

/** The items of all lists in random turns, those of each list in their order. */
function interleaved<T>(lists: readonly (readonly T[])[], random: Random): T[] {
  const rests = lists.map((list) => ({ items: list.values(), left: list.length }));
  let left = lists.reduce((sum, list) => sum + list.length, 0);
  return repeat(left, () => {
    let at = random.below(left);
    left -= 1;
    const rest = must(
      rests.find((each) => (at -= each.left) < 0),
      'a list has items left',
    );
    rest.left -= 1;
    return must(rest.items.next().value, 'the list has an item left');
  });
}

function repeat<T>(length: number, make: () => T): T[] {
  return Array.from({ length }, make);
}
