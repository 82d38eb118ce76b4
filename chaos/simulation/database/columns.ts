/** A value as the driver gives it. */
export type Value = bigint | number | string | boolean | Buffer | object | null;

/** A row of the journal by the names of its columns; those that are absent are null. */
export interface StoredRow {
  readonly seq: bigint;
  readonly epoch: bigint;
  readonly at_micros: bigint;
  readonly chain: Buffer | null;
  readonly id: string;
  readonly kind: number;
  readonly reason: number;
  readonly debit_account: bigint | null;
  readonly credit_account: bigint | null;
  readonly amount: bigint | null;
  readonly debit_version: bigint | null;
  readonly credit_version: bigint | null;
  readonly debit_debits: bigint | null;
  readonly debit_credits: bigint | null;
  readonly credit_debits: bigint | null;
  readonly credit_credits: bigint | null;
  readonly peer_account: bigint | null;
  readonly peer_book: number | null;
  readonly channel_number: bigint | null;
  readonly origin_id: string | null;
  readonly debit_held_debits: bigint | null;
  readonly debit_held_credits: bigint | null;
  readonly credit_held_debits: bigint | null;
  readonly credit_held_credits: bigint | null;
  readonly namespace: string | null;
  readonly key: string | null;
  readonly asset: string | null;
  readonly reference: string | null;
  readonly metadata: Record<string, string> | null;
  readonly code: number | null;
  readonly drawn_id: string | null;
  readonly drawn_left: bigint | null;
  readonly group_id: string | null;
  readonly options: string | null;
  /** Microseconds since 1970. */
  readonly expires_at: bigint | null;
  readonly changed_by: string | null;
  readonly account_flags: number | null;
  readonly min_balance: bigint | null;
  readonly max_balance: bigint | null;
}

/** A row with nothing but nulls, to be spread. */
export const EMPTY_ROW: StoredRow = {
  seq: 0n,
  epoch: 0n,
  at_micros: 0n,
  chain: null,
  id: '',
  kind: 0,
  reason: 0,
  debit_account: null,
  credit_account: null,
  amount: null,
  debit_version: null,
  credit_version: null,
  debit_debits: null,
  debit_credits: null,
  credit_debits: null,
  credit_credits: null,
  peer_account: null,
  peer_book: null,
  channel_number: null,
  origin_id: null,
  debit_held_debits: null,
  debit_held_credits: null,
  credit_held_debits: null,
  credit_held_credits: null,
  namespace: null,
  key: null,
  asset: null,
  reference: null,
  metadata: null,
  code: null,
  drawn_id: null,
  drawn_left: null,
  group_id: null,
  options: null,
  expires_at: null,
  changed_by: null,
  account_flags: null,
  min_balance: null,
  max_balance: null,
};

export interface StoredAccount {
  readonly id: bigint;
  readonly external_id: string;
  readonly asset: string;
  readonly min_balance: bigint | null;
  readonly max_balance: bigint | null;
  readonly transit: boolean;
  readonly metadata: Record<string, string> | null;
  readonly opened_seq: bigint;
}

export interface StoredChannel {
  readonly peer_book: number;
  readonly sent: bigint;
  readonly settled: bigint;
  readonly applied: bigint;
  readonly settled_hashed: bigint;
  readonly settled_hash: Buffer;
  readonly applied_hashed: bigint;
  readonly applied_hash: Buffer;
  readonly diverged_book: number | null;
  readonly diverged_number: bigint | null;
  readonly diverged_why: string | null;
}

/** Likewise. */
export const EMPTY_ACCOUNT: StoredAccount = {
  id: 0n,
  external_id: '',
  asset: '',
  min_balance: null,
  max_balance: null,
  transit: false,
  metadata: null,
  opened_seq: 0n,
};

export const EMPTY_CHANNEL: StoredChannel = {
  peer_book: 0,
  sent: 0n,
  settled: 0n,
  applied: 0n,
  settled_hashed: 0n,
  settled_hash: Buffer.alloc(32),
  applied_hashed: 0n,
  applied_hash: Buffer.alloc(32),
  diverged_book: null,
  diverged_number: null,
  diverged_why: null,
};

export interface StoredHead {
  readonly epoch: bigint;
  readonly leader: string;
  readonly seq: bigint;
  readonly chain: Buffer;
  readonly at_micros: bigint;
  readonly accounts: bigint;
  readonly swept_micros: bigint;
  readonly swept_seq: bigint;
  readonly region_books: readonly number[];
}

/** @returns what the text of an element of an array of this type means */
export function valuesOf(type: string): (text: string) => Value {
  const valueOf = VALUES.get(type);
  if (valueOf === undefined) throw new TypeError(`the simulation knows no column of type ${type}`);
  return valueOf;
}

const asText = (text: string) => text;

const VALUES = new Map<string, (text: string) => Value>([
  ['int8', BigInt],
  ['int2', Number],
  ['int4', Number],
  ['bool', (text) => text === 'true'],
  ['jsonb', metadataOf],
  ['timestamptz', microsOf],
  ['text', asText],
  ['bytea', (text) => Buffer.from(text.slice(2), 'hex')],
  ['uuid', asText],
]);

function metadataOf(text: string): Record<string, string> {
  const parsed: unknown = JSON.parse(text);
  const pairs = Object.entries(parsed ?? {});
  return Object.fromEntries(pairs.map(([name, value]) => [name, String(value)]));
}

/** Text such as 2025-01-01T00:00:00.000000Z as microseconds since 1970. */
function microsOf(text: string): bigint {
  const [, seconds = '', micros = ''] = /^(.*)\.(\d{6})Z$/u.exec(text) ?? [];
  return BigInt(Date.parse(`${seconds}Z`)) * 1000n + BigInt(micros);
}
