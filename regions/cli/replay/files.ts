import { TRANSIT_PREFIX } from '../../../ledger/core/account.ts';
import {
  EXTERNAL_ID_LENGTH_MAX,
  INT64_MAX,
  KEY_LENGTH_MAX,
  REFERENCE_LENGTH_MAX,
} from '../../../ledger/core/limits.ts';
import { BadLineError } from './bad-line.ts';
import { type Fields, type Line, readCsv } from './payment-csv.ts';

/** A line of the accounts file. */
export interface AccountLine {
  /** External id. */
  readonly name: string;
  /** As the file has it, before `--map`. */
  readonly homeRegion: string;
  readonly asset: string;
  readonly mayOverdraw: boolean;
}

/** A line of the payments file, with what is known of its accounts. */
export interface PaymentLine<A extends AccountLine = AccountLine> {
  readonly key: string;
  /** Calendar day, YYYY-MM-DD. */
  readonly bookedOn: string;
  readonly debit: A;
  readonly credit: A;
  readonly amountMinor: bigint;
  readonly asset: string;
  readonly kind: string;
}

const ACCOUNT_COLUMNS = ['account', 'home_region', 'currency', 'may_overdraw'] as const;
const PAYMENT_COLUMNS = [
  'key',
  'booked_on',
  'debit_account',
  'credit_account',
  'amount_minor',
  'currency',
  'kind',
] as const;

const REGION_LENGTH_MAX = 64;

/**
 * Reads `account,home_region,currency,may_overdraw`. A second line of the same account is
 * bad. Throws BadFileError.
 */
export function readAccounts(file: string): AsyncGenerator<Line<AccountLine>> {
  const names = new Set<string>();
  return readCsv(file, ACCOUNT_COLUMNS, (fields): AccountLine => {
    const name = textOf(fields, 'account', EXTERNAL_ID_LENGTH_MAX);
    if (name.startsWith(TRANSIT_PREFIX)) {
      throw new BadLineError('account_name_reserved', `"${name}" belongs to the ledger`);
    }
    const homeRegion = textOf(fields, 'home_region', REGION_LENGTH_MAX);
    const asset = assetOf(fields);
    const overdraw = fields('may_overdraw');
    if (overdraw !== 'yes' && overdraw !== 'no') {
      throw new BadLineError('may_overdraw_malformed', `"${overdraw}" is neither yes nor no`);
    }
    if (names.has(name)) throw new BadLineError('account_twice', `"${name}" was named before`);
    names.add(name);
    return { name, homeRegion, asset, mayOverdraw: overdraw === 'yes' };
  });
}

/**
 * Reads `key,booked_on,debit_account,credit_account,amount_minor,currency,kind`. Everything
 * that the ledger would reject as malformed is found here, so that one bad line never fails a call.
 * Throws BadFileError.
 */
export function readPayments<A extends AccountLine>(
  file: string,
  accounts: ReadonlyMap<string, A>,
): AsyncGenerator<Line<PaymentLine<A>>> {
  const accountOf = (name: string) => {
    const account = accounts.get(name);
    if (!account) throw new BadLineError('account_unknown', `no account "${name}" to use`);
    return account;
  };
  return readCsv(file, PAYMENT_COLUMNS, (fields): PaymentLine<A> => {
    const key = textOf(fields, 'key', KEY_LENGTH_MAX);
    const bookedOn = dateOf(fields('booked_on'));
    const debit = accountOf(fields('debit_account'));
    const credit = accountOf(fields('credit_account'));
    if (debit === credit) {
      throw new BadLineError('same_account_twice', `"${debit.name}" cannot pay itself`);
    }
    const amountMinor = amountOf(fields('amount_minor'));
    const asset = assetOf(fields);
    for (const account of [debit, credit]) {
      if (account.asset === asset) continue;
      throw new BadLineError('asset_differs', `"${account.name}" holds ${account.asset}`);
    }
    const kind = textOf(fields, 'kind', REFERENCE_LENGTH_MAX);
    return { key, bookedOn, debit, credit, amountMinor, asset, kind };
  });
}

function textOf<Column extends string>(
  fields: Fields<Column>,
  column: Column,
  lengthMax: number,
): string {
  const text = fields(column);
  if (text === '') throw new BadLineError('text_empty', `${column} is empty`);
  if (text.length > lengthMax) {
    throw new BadLineError('text_too_long', `${column} has more than ${lengthMax} characters`);
  }
  if (/\p{Cc}|\p{Cs}/u.test(text)) {
    throw new BadLineError('text_has_control_characters', `${column} has control characters`);
  }
  return text;
}

function assetOf(fields: Fields<'currency'>): string {
  const asset = fields('currency');
  if (/^[A-Z0-9_.-]{1,16}$/u.test(asset)) return asset;
  throw new BadLineError('asset_malformed', `currency "${shown(asset)}" is not such as EUR`);
}

function dateOf(text: string): string {
  const date = /^\d{4}-\d{2}-\d{2}$/u.test(text) ? new Date(`${text}T00:00:00Z`) : undefined;
  // Date moves the 30th of February into March; a day that comes back changed does not exist.
  if (date && !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text)) return text;
  throw new BadLineError('date_malformed', `booked_on "${shown(text)}" is not YYYY-MM-DD`);
}

function amountOf(text: string): bigint {
  if (!/^-?\d{1,40}$/u.test(text)) {
    throw new BadLineError('amount_malformed', `"${shown(text)}" is not a whole number`);
  }
  const amount = BigInt(text);
  if (amount <= 0n) throw new BadLineError('amount_not_positive', `${text} is not above zero`);
  if (amount > INT64_MAX) throw new BadLineError('amount_too_large', `${text} needs over 64 bits`);
  return amount;
}

function shown(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}...` : text;
}
