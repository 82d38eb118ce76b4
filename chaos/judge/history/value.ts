import {
  ChangeAccountRequest,
  OpenAccountRequest,
} from '../../../proto/gen/meridian/v1/account.ts';
import { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import { bookOf } from '../../../ledger/core/account-id.ts';
import { type Kind, type Kinds, listOf } from './operation.ts';

/**
 * Converts requests between memory and history. They are written as in memory, without unset
 * fields; 64-bit numbers as `{"int": ["5"]}`.
 */

export function plainValue<K extends Kind>(f: K, value: Kinds[K]['value']): unknown {
  if (!isRequest(f)) return value;
  const fields = Object.entries(value).filter(([, field]) => !isUnset(field));
  return Object.fromEntries(fields.map(([name, field]) => [name, plain(field)]));
}

export function readValue(f: Kind, value: unknown): unknown {
  if (!isRequest(f)) return value;
  const request = unplain(value);
  if (typeof request !== 'object' || request === null) throw new TypeError('it asks nothing');
  const list = listOf[f];
  if (list === 'changes') return ChangeAccountRequest.fromPartial(request);
  if (list === 'opens') return OpenAccountRequest.fromPartial(request);
  return CreateTransferRequest.fromPartial(request);
}

/** The idempotency key of a request; '' if it has none. */
export function keyOf<K extends Kind>(f: K, value: Kinds[K]['value']): string {
  return isRequest(f) && 'idempotencyKey' in value ? value.idempotencyKey : '';
}

/** The kind of a transfer in a history. */
export function kindOf(request: CreateTransferRequest) {
  if (request.action !== undefined) return request.action.$case;
  const away = bookOf(request.debitAccountId) !== bookOf(request.creditAccountId);
  return away ? 'cross_book' : 'transfer';
}

function isRequest(f: Kind): boolean {
  const list = listOf[f];
  return list === 'transfers' || list === 'changes' || list === 'opens';
}

function isUnset(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === undefined || value === '' || value === 0n || value === 0 || value === false;
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return { int: [String(value)] };
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, plain(field)]));
}

/** No other code holds what was read from a line, so it is changed in place. */
function unplain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unplain);
  if (!isObject(value)) return value;
  // Metadata may have a name "int", but never a list.
  if (Array.isArray(value['int'])) return BigInt(String(value['int'][0]));
  for (const name in value) {
    const field = value[name];
    if (isObject(field)) value[name] = unplain(field);
  }
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
