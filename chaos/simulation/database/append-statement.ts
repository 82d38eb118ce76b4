import { standInFor } from '../stand-in-for.ts';
import { elementsOf } from './parse-array.ts';
import {
  EMPTY_ACCOUNT,
  EMPTY_CHANNEL,
  EMPTY_ROW,
  type StoredAccount,
  type StoredChannel,
  type StoredHead,
  type StoredRow,
  type Value,
  valuesOf,
} from './columns.ts';

/** The effect of the ledger's posting statement, read from its text. */
export interface AppendStatement {
  readonly epochBefore: bigint;
  readonly seqBefore: bigint;
  /** Of a take-over: the books of the region that the head must have. */
  readonly regionBooksBefore: readonly number[] | undefined;
  /** The fields of the head that it sets. */
  readonly head: Partial<StoredHead> & Pick<StoredHead, 'seq' | 'chain' | 'at_micros' | 'accounts'>;
  readonly rows: readonly StoredRow[];
  readonly accounts: readonly StoredAccount[];
  readonly channels: readonly StoredChannel[];
}

/** Indexes of the parameters of a statement, by their meaning. */
interface Shape {
  readonly epochBefore: number;
  readonly seqBefore: number;
  readonly regionBooksBefore: number | undefined;
  readonly head: readonly (readonly [keyof StoredHead, number])[];
  readonly journal: Insert | undefined;
  readonly account: Insert | undefined;
  readonly channel: Insert | undefined;
  readonly epoch: number;
}

interface Insert {
  readonly columns: readonly {
    readonly name: string;
    readonly index: number;
    /** Converts the text of an element. */
    readonly valueOf: (text: string) => Value;
  }[];
}

const shapes = new Map<string, Shape>();

export function isAppend(text: string): boolean {
  return text.startsWith('WITH fence AS (UPDATE head SET');
}

export function parseAppend(text: string, values: readonly unknown[]): AppendStatement {
  let shape = shapes.get(text);
  if (shape === undefined) {
    shape = shapeOf(text);
    shapes.set(text, shape);
  }
  const seqBefore = numberOf(values[shape.seqBefore]);
  const epoch = numberOf(values[shape.epoch]);
  const head = headOf(shape, values);
  const count = countOf(shape.journal, values);
  const rows = inserted(shape.journal, values, (place) => ({
    ...EMPTY_ROW,
    seq: seqBefore + BigInt(place + 1),
    epoch,
    at_micros: head.at_micros,
    chain: place === count - 1 ? head.chain : null,
  }));
  return {
    epochBefore: numberOf(values[shape.epochBefore]),
    seqBefore,
    regionBooksBefore:
      shape.regionBooksBefore === undefined
        ? undefined
        : elementsOf(String(values[shape.regionBooksBefore])).map(Number),
    head,
    rows,
    accounts: inserted(shape.account, values, () => ({ ...EMPTY_ACCOUNT })),
    channels: inserted(shape.channel, values, () => ({ ...EMPTY_CHANNEL })),
  };
}

const numberOf = (value: unknown) => BigInt(typeof value === 'number' ? value : String(value));

function headOf({ head }: Shape, values: readonly unknown[]): AppendStatement['head'] {
  const moved: { -readonly [K in keyof AppendStatement['head']]: AppendStatement['head'][K] } = {
    seq: 0n,
    chain: Buffer.alloc(0),
    at_micros: 0n,
    accounts: 0n,
  };
  for (const [name, index] of head) {
    const value = values[index];
    if (name === 'leader') moved.leader = String(value);
    else if (name === 'region_books') moved.region_books = elementsOf(String(value)).map(Number);
    else if (name !== 'chain') moved[name] = numberOf(value);
    else if (value instanceof Uint8Array) moved.chain = Buffer.from(value);
  }
  return moved;
}

/** Number of inserted rows. */
function countOf(insert: Insert | undefined, values: readonly unknown[]): number {
  const [first] = insert?.columns ?? [];
  return first === undefined ? 0 : elementsOf(String(values[first.index])).length;
}

/** @param empty makes a row by its place; the inserted columns overwrite its fields */
function inserted<T extends object>(
  insert: Insert | undefined,
  values: readonly unknown[],
  empty: (place: number) => T,
): T[] {
  const rows: T[] = [];
  for (const { name, index, valueOf } of insert?.columns ?? []) {
    const texts = elementsOf(String(values[index]));
    for (let place = 0; place < texts.length; place += 1) {
      const text = texts[place] ?? null;
      const row = (rows[place] ??= empty(place));
      if (text !== null) standInFor<Record<string, Value>>(row)[name] = valueOf(text);
    }
  }
  return rows;
}

const HEAD_PARAMETERS: readonly (readonly [keyof StoredHead, RegExp])[] = [
  ['seq', /SET seq = \$(\d+)/u],
  ['chain', /, chain = \$(\d+)/u],
  ['at_micros', /\bat = \(timestamptz 'epoch' \+ \$(\d+)/u],
  ['accounts', /accounts = \$(\d+)/u],
  ['epoch', /, epoch = \$(\d+)/u],
  ['leader', /, leader = \$(\d+)/u],
  ['swept_micros', /swept_at = \(timestamptz 'epoch' \+ \$(\d+)/u],
  ['swept_seq', /swept_seq = \$(\d+)/u],
  ['region_books', /, region_books = \$(\d+)/u],
];

function shapeOf(text: string): Shape {
  const fence = text.slice(0, text.indexOf('RETURNING book'));
  const journal = insertOf(text, 'journal');
  return {
    epochBefore: required(/WHERE epoch = \$(\d+)/u, fence),
    seqBefore: required(/AND seq = \$(\d+)/u, fence),
    regionBooksBefore: optional(/AND region_books = \$(\d+)/u, fence),
    head: HEAD_PARAMETERS.flatMap(([name, pattern]) => {
      const index = optional(pattern, fence);
      return index === undefined ? [] : [[name, index] as const];
    }),
    journal,
    account: insertOf(text, 'account'),
    channel: insertOf(text, 'channel'),
    epoch: journal === undefined ? 0 : required(/\+ ordinal, \$(\d+)/u, text),
  };
}

/** Index of the parameter that a pattern finds. */
function optional(pattern: RegExp, where: string): number | undefined {
  const found = pattern.exec(where)?.[1];
  return found === undefined ? undefined : Number(found) - 1;
}

function required(pattern: RegExp, where: string): number {
  const index = optional(pattern, where);
  if (index === undefined) throw new TypeError(`the posting statement has no ${pattern.source}`);
  return index;
}

/** The columns that a statement inserts into a table from arrays; undefined: none. */
function insertOf(text: string, table: string): Insert | undefined {
  const start = text.indexOf(`INSERT INTO ${table} (`);
  if (start < 0) return undefined;
  const end = text.indexOf('WHERE EXISTS', start);
  const part = text.slice(start, end);
  const arrays = [...part.matchAll(/\$(\d+)::(\w+)\[\]/gu)];
  const names =
    /AS t\(([^)]*)\)/u
      .exec(part)?.[1]
      ?.split(',')
      .map((name) => name.trim()) ?? [];
  return {
    columns: arrays.map(([, index, type = ''], place) => ({
      name: names[place] ?? '',
      index: Number(index) - 1,
      valueOf: valuesOf(type),
    })),
  };
}
