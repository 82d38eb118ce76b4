import { createHash } from 'node:crypto';
import type { ListAccountsRequest } from '../../proto/gen/meridian/v1/account.ts';
import {
  GetStatementRequest,
  ListEntriesRequest,
  ListTransfersRequest,
} from '../../proto/gen/meridian/v1/query.ts';
import { INT64_MAX, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX } from '../core/limits.ts';
import { invalidArgument, type RpcError } from './error.ts';

/** How many items a page may have. Throws INVALID_ARGUMENT if the request asks otherwise. */
export function pageSize(asked: number): number {
  if (asked === 0) return PAGE_SIZE_DEFAULT;
  if (asked >= 1 && asked <= PAGE_SIZE_MAX) return asked;
  const description = `must be 1 to ${PAGE_SIZE_MAX}, or 0 for ${PAGE_SIZE_DEFAULT}`;
  throw invalidArgument([{ field: 'page_size', description }]);
}

/** A page, and whether there is more after it. */
export interface Page<T> {
  readonly items: T[];
  readonly isLast: boolean;
}

/** The page of `size` items, of which one more was read if there is one. */
export function pageOf<T>(read: readonly T[], size: number): Page<T> {
  return { items: read.slice(0, size), isLast: read.length <= size };
}

/** Tokens of the pages of one list. Each is bound to its query, and opaque to callers. */
export class PageTokens {
  readonly #query: string;

  /** @param parts what the list is of: the name of the call and all that selects its items */
  constructor(...parts: readonly (string | Uint8Array)[]) {
    const sum = createHash('sha256');
    for (const part of parts) sum.update(`${part.length}:`).update(part);
    this.#query = sum.digest('hex').slice(0, 16);
  }

  /** A token that carries numbers to the next page. */
  token(numbers: readonly bigint[]): string {
    return Buffer.from(`${this.#query} ${numbers.join(' ')}`, 'latin1').toString('base64url');
  }

  /**
   * The numbers of a token; undefined on the first page. Throws INVALID_ARGUMENT if it is no
   * token of `count` numbers, or one of another query.
   */
  numbers(token: string, count: number): readonly bigint[] | undefined {
    if (token === '') return undefined;
    const text = Buffer.from(token, 'base64url').toString('latin1');
    if (TOKEN.test(text)) {
      const [query, ...rest] = text.split(' ');
      const numbers = rest.map(BigInt);
      const isSound = numbers.length === count && numbers.every((number) => number <= INT64_MAX);
      if (isSound && query === this.#query) return numbers;
      if (isSound) throw notAToken('is the token of another query');
    }
    throw notAToken('is not a token of this list');
  }
}

const TOKEN = /^[0-9a-f]{16}(?: \d{1,19})+$/u;

function notAToken(description: string): RpcError {
  return invalidArgument([{ field: 'page_token', description }]);
}

/** Of ListAccounts, whose tokens a router reads as well. */
export function accountPages({ homeRegion }: ListAccountsRequest): PageTokens {
  return new PageTokens('accounts', homeRegion);
}

export function entryPages(request: ListEntriesRequest): PageTokens {
  const query = { ...request, ...NOT_OF_THE_QUERY };
  return new PageTokens('entries', ListEntriesRequest.encode(query).finish());
}

export function statementPages(request: GetStatementRequest): PageTokens {
  const query = { ...request, ...NOT_OF_THE_QUERY };
  return new PageTokens('statement', GetStatementRequest.encode(query).finish());
}

export function transferPages(request: ListTransfersRequest): PageTokens {
  const query = { ...request, ...NOT_OF_THE_QUERY };
  return new PageTokens('transfers', ListTransfersRequest.encode(query).finish());
}

/** A page may have another size, and be read at another level, than the page before. */
const NOT_OF_THE_QUERY = { pageSize: 0, pageToken: '', options: undefined };
