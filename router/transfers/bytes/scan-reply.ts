import { HaltedTransfer, PostReply } from '../../../proto/gen/meridian/internal/v1/book.ts';
import { ByteReader, NotAMessage } from './byte-reader.ts';

/** Tags of the fields of PostReply that have results. */
const OUTCOME = 0x0a;
const LATE = 0x12;
/** Of BatchOutcome and LateOutcome. */
const BATCH = 0x08;
const RESULTS = 0x12;
const HALTED = 0x52;
const LATE_RESULTS = 0x0a;
/** Of LateResult. */
const LATE_BATCH = 0x08;
const LATE_INDEX = 0x10;
const LATE_RESULT = 0x1a;
/** Of CreateTransferResponse, as far as they are read. */
const STATUS = 0x10;
const REPLAYED = 0x28;

const FIRST_LENGTH = 8_192;

/**
 * The results in the bytes of a PostReply: where they are, and what the lane must know of each. It
 * is filled by one reply after the other, so that there is no object for a result.
 */
export class ReplyScan {
  bytes: Uint8Array = new Uint8Array(0);
  count = 0;
  /** Of an outcome: its batch, and the names of halted channels by the index of the result. */
  batch = 0;
  readonly halted = new Map<number, string>();
  /** Where the tag of each result is, and where the result ends. */
  starts = new Uint32Array(FIRST_LENGTH);
  ends = new Uint32Array(FIRST_LENGTH);
  statuses = new Int32Array(FIRST_LENGTH);
  /** 1: replayed. */
  replayed = new Uint8Array(FIRST_LENGTH);
  /** Of late results: the batch of each, and its index there. */
  batches = new Float64Array(FIRST_LENGTH);
  indexes = new Uint32Array(FIRST_LENGTH);

  /**
   * Scans a PostReply, whose bytes it refers to until the next scan. Returns which results it has,
   * or the whole reply if it has none.
   * @throws Error if it is no reply
   */
  take(bytes: Uint8Array): 'outcome' | 'late' | Exclude<Reply, { $case: 'outcome' | 'late' }> {
    const kind = this.#scanned(bytes);
    if (kind !== undefined) return kind;
    const { reply } = PostReply.decode(bytes);
    if (reply?.$case !== 'outcome' && reply?.$case !== 'late') return reply;
    // Encoders do not write it like this, but it means the same.
    const again = this.#scanned(PostReply.encode({ reply }).finish());
    if (again === undefined) throw new NotAMessage('it cannot be scanned');
    return again;
  }

  #scanned(bytes: Uint8Array): 'outcome' | 'late' | undefined {
    const tag = bytes[0];
    if (tag !== OUTCOME && tag !== LATE) return undefined;
    this.bytes = bytes;
    this.batch = 0;
    this.count = 0;
    this.halted.clear();
    try {
      const reader = new ByteReader(bytes, 1, bytes.length);
      if (reader.varint() !== bytes.length - reader.at) return undefined;
      if (tag === OUTCOME) this.#scanOutcome(reader);
      else this.#scanLate(reader);
    } catch {
      // The decoder decides what it is.
      return undefined;
    }
    return tag === OUTCOME ? 'outcome' : 'late';
  }

  #scanOutcome(reader: ByteReader): void {
    while (reader.at < reader.end) {
      const start = reader.at;
      const tag = reader.varint();
      if (tag === RESULTS) {
        this.#begin();
        this.#scanResult(reader, start, this.count);
        this.count += 1;
      } else if (tag === BATCH) {
        this.batch = reader.varint();
      } else if (tag === HALTED) {
        const length = reader.varint();
        reader.skip(length);
        const bytes = reader.bytes.subarray(reader.at - length, reader.at);
        const { index, channel } = HaltedTransfer.decode(bytes);
        this.halted.set(index, channel);
      } else {
        reader.skipValue(tag);
      }
    }
  }

  #scanLate(reader: ByteReader): void {
    while (reader.at < reader.end) {
      const tag = reader.varint();
      if (tag !== LATE_RESULTS) {
        reader.skipValue(tag);
        continue;
      }
      const end = endOf(reader);
      this.#begin();
      let hasResult = false;
      while (reader.at < end) {
        const start = reader.at;
        const inner = reader.varint();
        if (inner === LATE_BATCH) this.batches[this.count] = reader.varint();
        else if (inner === LATE_INDEX) this.indexes[this.count] = reader.exactVarint();
        else if (inner === LATE_RESULT) {
          hasResult = true;
          this.#scanResult(reader, start, this.count);
        } else {
          reader.skipValue(inner);
        }
      }
      if (reader.at !== end) throw new NotAMessage('a late result ends in a field');
      if (hasResult) this.count += 1;
    }
  }

  /** @param start where its tag is */
  #scanResult(reader: ByteReader, start: number, index: number): void {
    // The tag is overwritten where it is copied to.
    if (reader.at - start !== 1) throw new NotAMessage('a tag is longer than it need be');
    const end = endOf(reader);
    let status = 0;
    let replayed = 0;
    while (reader.at < end) {
      const tag = reader.varint();
      if (tag === STATUS) status = reader.exactVarint();
      else if (tag === REPLAYED) replayed = reader.varint() === 0 ? 0 : 1;
      else reader.skipValue(tag);
    }
    if (reader.at !== end) throw new NotAMessage('a result ends in a field');
    this.starts[index] = start;
    this.ends[index] = end;
    this.statuses[index] = status;
    this.replayed[index] = replayed;
  }

  /** Makes room for one more result. */
  #begin(): void {
    const { count, starts, ends, statuses, replayed, batches, indexes } = this;
    if (count === starts.length) {
      this.starts = longer(starts, new Uint32Array(count * 2));
      this.ends = longer(ends, new Uint32Array(count * 2));
      this.statuses = longer(statuses, new Int32Array(count * 2));
      this.replayed = longer(replayed, new Uint8Array(count * 2));
      this.batches = longer(batches, new Float64Array(count * 2));
      this.indexes = longer(indexes, new Uint32Array(count * 2));
    }
    this.batches[count] = 0;
    this.indexes[count] = 0;
  }
}

type Reply = PostReply['reply'];

/** Where a message in a message ends, whose length comes next. */
function endOf(reader: ByteReader): number {
  const length = reader.varint();
  const end = reader.at + length;
  if (end > reader.end) throw new NotAMessage('it ends in a message');
  return end;
}

function longer<Column extends { set(from: Column): void }>(from: Column, to: Column): Column {
  to.set(from);
  return to;
}
