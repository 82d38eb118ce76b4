import { must } from '../../ledger/core/assert.ts';
import {
  CreateTransferRequest,
  CreateTransfersRequest,
} from '../../proto/gen/meridian/v1/transfer.ts';
import { type Effects, transfersOf } from './effects.ts';
import type { Random } from '../../ledger/core/random.ts';
import type { TimeOrderedKeys } from './time-ordered-keys.ts';

/** Stands where a key will be written; nothing else in a request reads like it. */
export const KEY_PLACEHOLDER = '#'.repeat(36);
const AMOUNT_MAX = 100;

/** Who may pay whom. Ids of accounts; neither list is empty. */
export interface PayersAndPayees {
  readonly payers: BigInt64Array;
  /** One list is drawn for each transfer, by the shares, which add up to 1. */
  readonly payees: readonly { readonly accounts: BigInt64Array; readonly share: number }[];
}

/** A transfer between two different accounts that are drawn at random. */
export function drawTransfer(parties: PayersAndPayees, random: Random): CreateTransferRequest {
  let share = random.below(1_000_000) / 1_000_000;
  const payees = must(
    parties.payees.find((list) => (share -= list.share) < 0) ?? parties.payees.at(-1),
    'there are payees',
  ).accounts;
  const credit = must(payees[random.below(payees.length)], 'a drawn payee exists');
  let debit = credit;
  while (debit === credit) {
    debit = must(parties.payers[random.below(parties.payers.length)], 'a drawn payer exists');
  }
  return transferOf(debit, credit, BigInt(1 + random.below(AMOUNT_MAX)));
}

/** A transfer whose key is still to be written. @param amount minor units */
export function transferOf(
  debitAccountId: bigint,
  creditAccountId: bigint,
  amount: bigint,
): CreateTransferRequest {
  return {
    ...CreateTransferRequest.fromPartial({}),
    idempotencyKey: KEY_PLACEHOLDER,
    debitAccountId,
    creditAccountId,
    amount,
  };
}

/** A call that can be sent again and again, each time with other keys. */
export interface RepeatableCall {
  /** Requests in it. */
  readonly items: number;
  readonly effects: Effects;
  /** The bytes with fresh keys. They are good until the next call of this method. */
  readonly withFreshKeys: (keys: TimeOrderedKeys) => Buffer;
}

const encodeTransfers = (transfers: readonly CreateTransferRequest[]): Uint8Array =>
  CreateTransfersRequest.encode({ transfers: [...transfers] }).finish();

/** A call of many transfers, encoded once; only the keys change from one use to the next. */
export class EncodedCall implements RepeatableCall {
  readonly items: number;
  readonly effects: Effects;
  readonly #bytes: Buffer;
  readonly #keyOffsets: Uint32Array;

  /**
   * @param effects unless all of them are plain transfers
   * @param encode other than as a CreateTransfersRequest
   */
  constructor(
    transfers: readonly CreateTransferRequest[],
    effects = transfersOf(
      transfers.length,
      transfers.reduce((sum, { amount }) => sum + amount, 0n),
    ),
    encode = encodeTransfers,
  ) {
    this.items = transfers.length;
    this.effects = effects;
    this.#bytes = Buffer.from(encode(transfers));
    this.#keyOffsets = Uint32Array.from(this.offsets(KEY_PLACEHOLDER));
  }

  /** Where a text stands in the bytes; that of keys only until the first of them is written. */
  offsets(text: string): number[] {
    return offsets(this.#bytes, text);
  }

  withFreshKeys(keys: TimeOrderedKeys): Buffer {
    for (const offset of this.#keyOffsets) keys.write(this.#bytes, offset);
    return this.#bytes;
  }
}

/** A single transfer, encoded once. */
export class EncodedTransfer {
  readonly effects: Effects;
  readonly #bytes: Buffer;
  readonly #keyOffset: number;

  constructor(transfer: CreateTransferRequest) {
    this.effects = transfersOf(1, transfer.amount);
    this.#bytes = Buffer.from(CreateTransferRequest.encode(transfer).finish());
    this.#keyOffset = must(offsets(this.#bytes, KEY_PLACEHOLDER)[0], 'a transfer has a key');
  }

  /** A copy of the bytes with a fresh key. */
  withFreshKey(keys: TimeOrderedKeys): Buffer {
    const copy = Buffer.from(this.#bytes);
    keys.write(copy, this.#keyOffset);
    return copy;
  }
}

function offsets(bytes: Buffer, text: string): number[] {
  const found: number[] = [];
  let at = bytes.indexOf(text, 0, 'latin1');
  while (at >= 0) {
    found.push(at);
    at = bytes.indexOf(text, at + text.length, 'latin1');
  }
  return found;
}
