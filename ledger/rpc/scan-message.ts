import type { FieldViolation } from '../core/validate/validate.ts';
import type { FieldShape, MessageShape } from './message-shape.ts';

/** Messages in messages, such as filters in filters. */
export const DEPTH_MAX = 32;
/** Messages in one message: transfers, legs, conditions, pairs of metadata and all others. */
export const MESSAGES_MAX = 256_000;
/** Fields in one message, those of messages in it counted. */
export const FIELDS_MAX = 2_000_000;

const LISTS_MAX = 8;
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

const CUT = 'ends in the middle of a field';

/** Why a message must not be decoded: thrown by a walk, and caught where it was begun. */
class Refused extends Error {}

/**
 * A walk over the bytes of a message that makes no objects of them. There is one for all messages,
 * because nothing else happens while a message is walked over.
 */
class Walk {
  #messages = 0;
  #fields = 0;
  /** Items so far of the lists of the message at each depth. */
  readonly #items = new Uint32Array(DEPTH_MAX * LISTS_MAX);
  /** The field of each depth that the walk is in, or was refused at. */
  readonly #path: (FieldShape | undefined)[] = Array.from({ length: DEPTH_MAX });

  /** Why messages must not be decoded; undefined: they may be. */
  start(
    bytes: Uint8Array,
    places: readonly MessagePlace[],
    shape: MessageShape,
  ): FieldViolation | undefined {
    this.#messages = 0;
    this.#fields = 0;
    try {
      for (const { start, end } of places) this.#message(bytes, start, end, shape, 0);
      return undefined;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const field = this.#place() || 'request';
      this.#path.fill(undefined);
      return { field, description: error.message };
    }
  }

  /** Walks over the fields of a message. */
  #message(
    bytes: Uint8Array,
    start: number,
    end: number,
    shape: MessageShape,
    depth: number,
  ): void {
    if (depth === DEPTH_MAX) throw new Refused(`is nested more than ${DEPTH_MAX} deep`);
    this.#messages += 1;
    if (this.#messages > MESSAGES_MAX) {
      throw new Refused(`is one of more than ${MESSAGES_MAX} messages in this one`);
    }
    const { fields, lists } = shape;
    let fieldsLeft = FIELDS_MAX - this.#fields;
    let fieldCount = 0;
    for (let list = 0; list < lists; list += 1) this.#items[depth * LISTS_MAX + list] = 0;
    let at = start;
    while (at < end) {
      let tag = bytes[at] ?? 0;
      if (tag < 128) at += 1;
      else {
        tag = numberAt(bytes, at, end);
        at = afterNumber(bytes, at, end);
      }
      fieldCount += 1;
      if (fieldCount > fieldsLeft) {
        throw new Refused(`is one of more than ${FIELDS_MAX} fields in this message`);
      }
      const field = fields[tag >>> 3];
      if (tag >>> 3 === 0) throw new Refused('has a field without a number');
      const wireType = tag & 7;
      if (wireType === VARINT) {
        const first = at;
        while ((bytes[at] ?? 0) >= 128) at += 1;
        at += 1;
        if (at - first > 10) this.#refuse(field, depth, 'has a number of more than 64 bits');
      } else if (wireType === BYTES) {
        const length = numberAt(bytes, at, end);
        at = afterNumber(bytes, at, end);
        const blockEnd = at + length;
        if (blockEnd > end) this.#refuse(field, depth, CUT);
        if (field !== undefined && (field.message !== undefined || field.list >= 0)) {
          this.#fields += fieldCount;
          this.#block(bytes, at, blockEnd, field, depth);
          this.#fields -= fieldCount;
          fieldsLeft = FIELDS_MAX - this.#fields;
        }
        at = blockEnd;
        continue;
      } else if (wireType === FIXED64) at += 8;
      else if (wireType === FIXED32) at += 4;
      // Groups, which proto3 does not have, and what means nothing at all.
      else this.#refuse(field, depth, `has the wire type ${wireType}`);
      if (field !== undefined && field.list >= 0) this.#count(field, 1, depth);
    }
    if (at !== end) throw new Refused(CUT);
    this.#fields += fieldCount;
  }

  /** Walks over a message in a message, or counts the items of a list. */
  #block(bytes: Uint8Array, start: number, end: number, field: FieldShape, depth: number): void {
    const { message } = field;
    if (message === undefined) {
      this.#count(field, itemsIn(bytes, start, end, field), depth);
      return;
    }
    if (field.list >= 0) this.#count(field, 1, depth);
    this.#path[depth] = field;
    this.#message(bytes, start, end, message, depth + 1);
    this.#path[depth] = undefined;
  }

  #count(field: FieldShape, items: number, depth: number): void {
    const list = depth * LISTS_MAX + field.list;
    const counted = (this.#items[list] ?? 0) + items;
    this.#items[list] = counted;
    if (counted > field.itemsMax) {
      this.#refuse(field, depth, 'has too many items');
    }
  }

  #refuse(field: FieldShape | undefined, depth: number, why: string): never {
    this.#path[depth] = field;
    throw new Refused(why);
  }

  /** The path of the field that the walk was refused at, such as transfers[3].metadata. */
  #place(): string {
    const names: string[] = [];
    for (const [depth, field] of this.#path.entries()) {
      if (field === undefined) break;
      const inside = this.#path[depth + 1] !== undefined;
      const items = this.#items[depth * LISTS_MAX + Math.max(field.list, 0)] ?? 0;
      names.push(field.list >= 0 && inside ? `${field.name}[${items - 1}]` : field.name);
    }
    return names.join('.');
  }
}

/** The number that begins at a place: of a field, or of bytes. It has up to 32 bits. */
function numberAt(bytes: Uint8Array, start: number, end: number): number {
  let value = 0;
  for (let at = start, scale = 1; at < end && scale < 2 ** 32; at += 1, scale *= 128) {
    const byte = bytes[at] ?? 0;
    value += (byte & 127) * scale;
    if (byte < 128) {
      if (value < 2 ** 32) return value;
      break;
    }
  }
  throw new Refused('has a number of more than 32 bits where none may be, or ends in it');
}

function afterNumber(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && (bytes[at] ?? 0) >= 128) at += 1;
  return at + 1;
}

/** Items of a list in one block of bytes, or one more than there may be. */
function itemsIn(
  bytes: Uint8Array,
  start: number,
  end: number,
  { packed, itemsMax }: FieldShape,
): number {
  if (packed === 'never') return 1;
  if (packed !== 'varint') return Math.ceil((end - start) / packed);
  let items = 0;
  for (let at = start; at < end && items <= itemsMax; at += 1) {
    if ((bytes[at] ?? 0) < 128) items += 1;
  }
  return items;
}

const walk = new Walk();

/**
 * Returns what is wrong with the bytes of a message: they are no message, or one with more items,
 * fields or levels than allowed. Undefined: nothing, and the cost of decoding it is bounded.
 */
export function scanMessage(bytes: Uint8Array, shape: MessageShape): FieldViolation | undefined {
  return walk.start(bytes, [{ start: 0, end: bytes.length }], shape);
}

/** Where a message begins among bytes, and where it ends. */
export interface MessagePlace {
  readonly start: number;
  readonly end: number;
}

/** True if the same is wrong with none of several messages, nor with all of them together. */
export function areMessages(
  bytes: Uint8Array,
  places: readonly MessagePlace[],
  shape: MessageShape,
): boolean {
  return walk.start(bytes, places, shape) === undefined;
}
