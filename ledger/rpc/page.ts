import { INT64_MAX, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX } from '../core/limits.ts';
import { invalidArgument } from './error.ts';

/** How many items a page may have. Throws INVALID_ARGUMENT if the request asks otherwise. */
export function pageSize(asked: number): number {
  if (asked === 0) return PAGE_SIZE_DEFAULT;
  if (asked >= 1 && asked <= PAGE_SIZE_MAX) return asked;
  const description = `must be 1 to ${PAGE_SIZE_MAX}, or 0 for ${PAGE_SIZE_DEFAULT}`;
  throw invalidArgument([{ field: 'page_size', description }]);
}

/** The token of the page after one of `count` items, of `size` asked for; '' if it was the last. */
export function nextPageToken(numbers: readonly bigint[], count: number, size: number): string {
  return count < size ? '' : pageToken(numbers);
}

/** A token that carries numbers from page to page. Tokens are opaque to callers. */
export function pageToken(numbers: readonly bigint[]): string {
  return Buffer.from(`after ${numbers.join(' ')}`, 'latin1').toString('base64url');
}

/**
 * The numbers of a token; undefined on the first page. Throws INVALID_ARGUMENT if it is no
 * token of `count` numbers.
 */
export function pageNumbers(token: string, count: number): readonly bigint[] | undefined {
  if (token === '') return undefined;
  const text = Buffer.from(token, 'base64url').toString('latin1');
  if (/^after(?: \d{1,19})+$/u.test(text)) {
    const numbers = text.split(' ').slice(1).map(BigInt);
    if (numbers.length === count && numbers.every((number) => number <= INT64_MAX)) return numbers;
  }
  throw invalidArgument([{ field: 'page_token', description: 'is not a token of this list' }]);
}
