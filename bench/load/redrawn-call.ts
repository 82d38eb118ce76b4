import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { must } from '../../ledger/core/assert.ts';
import type { Random } from '../../ledger/core/random.ts';
import type { Effects } from './effects.ts';
import { EncodedCall, type RepeatableCall, transferOf } from './encoded-requests.ts';
import type { TimeOrderedKeys } from './time-ordered-keys.ts';

const AMOUNT_MAX = 100;

/** Ids of accounts as requests have them, all of one length: those of one book. */
export class EncodedAccounts {
  readonly count: number;
  /** Bytes of each. */
  readonly width: number;
  /** One after the other. */
  readonly bytes: Buffer;
  readonly first: bigint;
  readonly second: bigint;

  /**
   * @param ids at least two
   * @throws Error if they are not of one length
   */
  constructor(ids: BigInt64Array) {
    this.count = ids.length;
    this.first = must(ids[0], 'there are two accounts');
    this.second = must(ids[1], 'there are two accounts');
    this.width = encodedId(this.first).length;
    this.bytes = Buffer.alloc(ids.length * this.width);
    for (const [index, id] of ids.entries()) {
      const encoded = encodedId(id);
      if (encoded.length !== this.width) throw new Error('accounts have ids of several lengths');
      this.bytes.set(encoded, index * this.width);
    }
  }
}

const encodedId = (id: bigint): Uint8Array => new BinaryWriter().int64(id).finish();

const encodedText = (id: bigint): string => Buffer.from(encodedId(id)).toString('latin1');

/**
 * A call of plain transfers whose accounts are drawn again each time it is sent: calls that are
 * sent again as they were would touch but a small part of a million accounts.
 */
export class RedrawnCall implements RepeatableCall {
  readonly items: number;
  readonly effects: Effects;
  readonly #call: EncodedCall;
  readonly #accounts: EncodedAccounts;
  readonly #random: Random;
  readonly #debits: readonly number[];
  readonly #credits: readonly number[];

  constructor(accounts: EncodedAccounts, random: Random, items: number) {
    const { first, second } = accounts;
    const transfers = Array.from({ length: items }, () =>
      transferOf(first, second, BigInt(1 + random.below(AMOUNT_MAX))),
    );
    this.#call = new EncodedCall(transfers);
    this.items = items;
    this.effects = this.#call.effects;
    this.#accounts = accounts;
    this.#random = random;
    this.#debits = this.#call.offsets(encodedText(first));
    this.#credits = this.#call.offsets(encodedText(second));
    if (this.#debits.length !== items || this.#credits.length !== items) {
      throw new Error('the accounts of a call are not where they must be');
    }
  }

  withFreshKeys(keys: TimeOrderedKeys): Buffer {
    const bytes = this.#call.withFreshKeys(keys);
    const { count } = this.#accounts;
    for (let index = 0; index < this.items; index += 1) {
      const debit = this.#random.below(count);
      // Never the same one.
      const credit = (debit + 1 + this.#random.below(count - 1)) % count;
      this.#write(bytes, this.#debits[index] ?? 0, debit);
      this.#write(bytes, this.#credits[index] ?? 0, credit);
    }
    return bytes;
  }

  #write(target: Buffer, offset: number, account: number): void {
    const { bytes, width } = this.#accounts;
    const from = account * width;
    for (let at = 0; at < width; at += 1) target[offset + at] = bytes[from + at] ?? 0;
  }
}
