import type { Reason } from '../../proto/gen/meridian/v1/reason.ts';
import { assert, must } from './assert.ts';
import type { Entries, JournalRow, RowDetails, RowKind } from './journal-row.ts';
import { FULL_COLUMNS, PLAIN_COLUMNS, POSTGRES_EPOCH_MICROS, TAIL_BYTES } from './row-bytes.ts';

/** A row as it is stored. */
export interface DecodedRow {
  readonly row: JournalRow;
  /** Only on the last row of a batch, with the recipe (`chain_recipe`). */
  readonly chain: Buffer | null;
  readonly recipe: number | null;
  /**
   * The bytes that recipe 2 hashes, in parts. They are cut from the tuple, not made of `row`: they
   * differ wherever the stored row does, be it in something that `row` does not distinguish.
   */
  readonly canonical: readonly Uint8Array[];
}

/**
 * Reads the row whose tuple begins at `at`, in either form. Nothing is copied: the result is valid
 * as long as `bytes` is not overwritten.
 *
 * @throws InvariantError if it is no row of the journal
 */
export function decodeRow(bytes: Buffer, at: number): DecodedRow {
  const reader = new TupleReader(bytes, at);
  const isFullTuple = reader.fields === FULL_COLUMNS.length;
  assert(
    isFullTuple || reader.fields === PLAIN_COLUMNS.length,
    `a tuple of ${reader.fields} fields is no row of the journal`,
  );
  const plain = readPlain(reader);
  const plainEnd = reader.at;
  reader.values = 0;
  const more = isFullTuple ? readMore(reader) : undefined;
  const canonical =
    reader.values > 0
      ? [bytes.subarray(at, reader.at), NULLS]
      : [PLAIN_COUNT, bytes.subarray(at + PLAIN_COUNT.length, plainEnd), NULLS];
  const row = rowOf(plain, more);
  return { row, canonical, chain: reader.bytea(), recipe: reader.int2() };
}

/**
 * Where the tuple that begins at `at` ends; undefined if the rest of it is not there yet, or if
 * what begins there is the end of a COPY.
 */
export function tupleEnd(bytes: Buffer, at: number): number | undefined {
  if (bytes.length < at + 2) return undefined;
  const fields = bytes.readInt16BE(at);
  if (fields < 0) return undefined;
  let end = at + 2;
  for (let field = 0; field < fields; field += 1) {
    if (bytes.length < end + 4) return undefined;
    end += 4 + Math.max(bytes.readInt32BE(end), 0);
  }
  return bytes.length < end ? undefined : end;
}

/** The end of every tuple that is hashed: `chain` and `chain_recipe` are NULL. */
const NULLS = Buffer.alloc(TAIL_BYTES, 0xff);
const PLAIN_COUNT = Buffer.from([0, PLAIN_COLUMNS.length]);

/** The fields of the plain form, without `chain` and `chain_recipe`. */
function readPlain(reader: TupleReader) {
  return {
    seq: reader.number(),
    epoch: reader.number(),
    at: reader.number(),
    id: reader.uuid(),
    kind: reader.int2(),
    reason: reader.int2(),
    debitAccount: reader.int8(),
    creditAccount: reader.int8(),
    amount: reader.int8(),
    debitVersion: reader.number(),
    creditVersion: reader.number(),
    debitDebits: reader.int8(),
    debitCredits: reader.int8(),
    creditDebits: reader.int8(),
    creditCredits: reader.int8(),
  };
}

/** The fields that only the full form has. */
function readMore(reader: TupleReader) {
  return {
    peerAccount: reader.int8(),
    peerBook: reader.int2(),
    channelNumber: reader.number(),
    originId: reader.uuid(),
    namespace: reader.text(),
    key: reader.text(),
    asset: reader.text(),
    code: reader.int4(),
    reference: reader.text(),
    metadata: reader.jsonb(),
    debitHeldDebits: reader.int8(),
    debitHeldCredits: reader.int8(),
    creditHeldDebits: reader.int8(),
    creditHeldCredits: reader.int8(),
    drawnId: reader.uuid(),
    drawnLeft: reader.int8(),
    groupId: reader.uuid(),
    expiresAt: reader.number(),
    options: reader.text(),
    changedBy: reader.text(),
    accountFlags: reader.int2(),
    minBalance: reader.int8(),
    maxBalance: reader.int8(),
  };
}

type Plain = ReturnType<typeof readPlain>;
type More = ReturnType<typeof readMore>;

function rowOf(plain: Plain, more: More | undefined): JournalRow {
  return {
    seq: must(plain.seq, 'a row has a seq'),
    epoch: must(plain.epoch, 'a row has an epoch'),
    id: must(plain.id, 'a row has an id'),
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a constraint knows the kinds
    kind: must(plain.kind, 'a row has a kind') as RowKind,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a later release may know more
    reason: must(plain.reason, 'a row has a reason') as Reason,
    debitAccount: plain.debitAccount,
    creditAccount: plain.creditAccount,
    amount: plain.amount,
    entries: entriesOf(plain, more),
    peer: more === undefined ? null : peerOf(more),
    originId: more?.originId ?? null,
    namespace: more?.namespace ?? '',
    key: more?.key ?? '',
    asset: more?.asset ?? '',
    code: more?.code ?? 0,
    reference: more?.reference ?? '',
    metadata: more?.metadata ?? {},
    atMicros: must(plain.at, 'a row has a time') + POSTGRES_EPOCH_MICROS,
    details: more === undefined ? null : detailsOf(more),
  };
}

function entriesOf(plain: Plain, more: More | undefined): Entries | null {
  const { debitVersion, creditVersion } = plain;
  if (debitVersion === null && creditVersion === null) return null;
  const { debitDebits, debitCredits, creditDebits, creditCredits } = plain;
  const held = more === undefined ? null : heldOf(more);
  return {
    debitVersion,
    creditVersion,
    debitDebits,
    debitCredits,
    creditDebits,
    creditCredits,
    held,
  };
}

function heldOf(more: More): Entries['held'] {
  const { debitHeldDebits, debitHeldCredits, creditHeldDebits, creditHeldCredits } = more;
  if ((debitHeldDebits ?? debitHeldCredits ?? creditHeldDebits ?? creditHeldCredits) === null) {
    return null;
  }
  return {
    debitHeldDebits: debitHeldDebits ?? 0n,
    debitHeldCredits: debitHeldCredits ?? 0n,
    creditHeldDebits: creditHeldDebits ?? 0n,
    creditHeldCredits: creditHeldCredits ?? 0n,
  };
}

function peerOf({ peerAccount, peerBook, channelNumber }: More): JournalRow['peer'] {
  if (peerAccount === null || peerBook === null) return null;
  return { account: peerAccount, book: peerBook, number: channelNumber };
}

function detailsOf(more: More): RowDetails | null {
  const { drawnId: id, accountFlags: flags, expiresAt, groupId, options, changedBy } = more;
  if ((id ?? groupId ?? expiresAt ?? options ?? changedBy ?? flags) === null) return null;
  const { drawnLeft: left, minBalance, maxBalance } = more;
  return {
    drawn: id === null ? null : { id, left },
    groupId,
    expiresAtMicros: expiresAt === null ? null : expiresAt + POSTGRES_EPOCH_MICROS,
    options: options ?? '',
    by: changedBy ?? '',
    settings: flags === null ? null : { flags, minBalance, maxBalance },
  };
}

/** Reads one field of a tuple after the other; each is null if it is NULL. */
class TupleReader {
  readonly fields: number;
  /** Where the next field begins. */
  at: number;
  /** How many of the fields that were read are not NULL. */
  values = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.fields = bytes.readInt16BE(at);
    this.at = at + 2;
  }

  int2(): number | null {
    const at = this.#next(2);
    return at === undefined ? null : this.#bytes.readInt16BE(at);
  }

  int4(): number | null {
    const at = this.#next(4);
    return at === undefined ? null : this.#bytes.readInt32BE(at);
  }

  int8(): bigint | null {
    const at = this.#next(8);
    return at === undefined ? null : this.#bytes.readBigInt64BE(at);
  }

  /** An int8 that is exact as a number: seq, versions, times. */
  number(): number | null {
    const at = this.#next(8);
    if (at === undefined) return null;
    return this.#bytes.readInt32BE(at) * TWO_TO_32 + this.#bytes.readUInt32BE(at + 4);
  }

  uuid(): string | null {
    const at = this.#next(16);
    if (at === undefined) return null;
    const digits = this.#bytes.toString('hex', at, at + 16);
    return (
      `${digits.slice(0, 8)}-${digits.slice(8, 12)}-${digits.slice(12, 16)}-` +
      `${digits.slice(16, 20)}-${digits.slice(20)}`
    );
  }

  text(): string | null {
    const part = this.bytea();
    return part === null ? null : part.toString('utf8');
  }

  jsonb(): Record<string, string> | null {
    const part = this.bytea();
    if (part === null) return null;
    const metadata: Record<string, string> = JSON.parse(part.toString('utf8', 1));
    return metadata;
  }

  bytea(): Buffer | null {
    const length = this.#length();
    if (length < 0) return null;
    this.at += length;
    return this.#bytes.subarray(this.at - length, this.at);
  }

  /** Where a value of a fixed length begins; undefined: NULL. */
  #next(length: number): number | undefined {
    const found = this.#length();
    if (found < 0) return undefined;
    assert(found === length, `a field of ${found} bytes where ${length} are due`);
    this.at += length;
    return this.at - length;
  }

  #length(): number {
    const length = this.#bytes.readInt32BE(this.at);
    this.at += 4;
    if (length >= 0) this.values += 1;
    return length;
  }
}

const TWO_TO_32 = 4_294_967_296;
