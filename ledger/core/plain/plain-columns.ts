/** Plain transfers as columns, so that none of them is an object. */
export class PlainColumns {
  /** Ids, four words of 32 bits each, the highest first. */
  readonly ids: Int32Array<ArrayBuffer>;
  /** Numbers of the accounts in their book. */
  readonly debits: Float64Array<ArrayBuffer>;
  readonly credits: Float64Array<ArrayBuffer>;
  /** Two words each, the higher first. */
  readonly amounts: Uint32Array<ArrayBuffer>;
  count = 0;

  constructor(capacity: number) {
    this.ids = new Int32Array(capacity * 4);
    this.debits = new Float64Array(capacity);
    this.credits = new Float64Array(capacity);
    this.amounts = new Uint32Array(capacity * 2);
  }

  /** Copies one of other columns to the place behind the last one, which is not counted yet. */
  copy(from: PlainColumns, index: number): void {
    const place = this.count;
    const [to, at] = [place * 4, index * 4];
    for (let word = 0; word < 4; word += 1) this.ids[to + word] = from.ids[at + word] ?? 0;
    this.debits[place] = from.debits[index] ?? 0;
    this.credits[place] = from.credits[index] ?? 0;
    this.amounts[place * 2] = from.amounts[index * 2] ?? 0;
    this.amounts[place * 2 + 1] = from.amounts[index * 2 + 1] ?? 0;
  }

  amount(index: number): bigint {
    return (BigInt(this.amounts[index * 2] ?? 0) << 32n) | BigInt(this.amounts[index * 2 + 1] ?? 0);
  }
}

/** The id of a transfer as text: a UUID in its canonical form. */
export function idText(ids: Int32Array, place: number): string {
  let hex = '';
  for (let word = 0; word < 4; word += 1) {
    hex += ((ids[place * 4 + word] ?? 0) >>> 0).toString(16).padStart(8, '0');
  }
  return (
    `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-` +
    `${hex.slice(16, 20)}-${hex.slice(20)}`
  );
}

/** Where the two digits of each byte of a UUID stand in its text. */
const BYTE_AT = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34] as const;
const VERSION_AT = 14;

/** The four words of an id; undefined: no plain transfer can have it. */
export function idWords(id: string): readonly [number, number, number, number] | undefined {
  // The ledger itself has made every UUID of version 8.
  return id.length !== 36 || id.charAt(VERSION_AT) === '8' ? undefined : uuidWords(id);
}

/** The four words of a UUID in its canonical form. */
export function uuidWords(id: string): readonly [number, number, number, number] {
  const words: [number, number, number, number] = [0, 0, 0, 0];
  for (let byte = 0; byte < 16; byte += 1) {
    const at = BYTE_AT[byte] ?? 0;
    const value = (digitOf(id.charCodeAt(at)) << 4) | digitOf(id.charCodeAt(at + 1));
    const word = byte >> 2;
    words[word] = ((words[word] ?? 0) << 8) | value;
  }
  return words;
}

/** The value of a hexadecimal digit in lower case. */
function digitOf(code: number): number {
  return code > 0x39 ? code - 0x57 : code - 0x30;
}
