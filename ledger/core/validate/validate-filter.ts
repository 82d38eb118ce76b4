import {
  type AccountTest,
  type Filter,
  type ListTransfersRequest,
  type MetadataTest,
  Side,
  type TimeRange,
} from '../../../proto/gen/meridian/v1/query.ts';
import { TransferStatus } from '../../../proto/gen/meridian/v1/transfer.ts';
import { bookOf, isAccountId } from '../account-id.ts';
import * as limits from '../limits.ts';
import { compareTimestamps, isTimestamp } from '../timestamp.ts';
import { isTransferId } from '../transfer-id.ts';
import { type FieldViolation, NOT_AN_ACCOUNT_ID, Violations } from './validate.ts';
import { NOT_A_TRANSFER_ID } from './validate-transfer.ts';
import { NOT_A_TIME, validateReadOptions } from './validate-reads.ts';

const DEPTH_MAX = 8;

/**
 * Returns the violations of a search for transfers, except those of its page.
 *
 * @param book number of the book that is searched
 */
export function validateSearch(request: ListTransfersRequest, book: number): FieldViolation[] {
  const { filter, options } = request;
  const found = filter === undefined ? [] : new FilterCheck(book).check(filter);
  return [...found, ...validateReadOptions(options)];
}

/** One walk over a filter. It ends where the filter is too deep or too large. */
class FilterCheck {
  readonly #book: number;
  readonly #violations = new Violations('');
  #tests = 0;

  constructor(book: number) {
    this.#book = book;
  }

  check(filter: Filter): FieldViolation[] {
    this.#filter(filter, 'filter', 1);
    this.#violations.check(
      this.#tests <= limits.FILTER_TESTS_MAX,
      'filter',
      `must not have more than ${limits.FILTER_TESTS_MAX} tests`,
    );
    return this.#violations.found;
  }

  #filter({ test }: Filter, path: string, depth: number): void {
    if (depth > DEPTH_MAX) {
      this.#violations.check(false, path, `is nested more than ${DEPTH_MAX} deep`);
      return;
    }
    this.#tests += isGroup(test) ? 0 : 1;
    switch (test?.$case) {
      case undefined:
        this.#violations.check(false, path, 'must have a test');
        break;
      case 'account':
        this.#account(test.value, `${path}.account`);
        break;
      case 'code':
        this.#violations.check(test.value >= 0, `${path}.code`, 'must not be negative');
        break;
      case 'reference':
        this.#violations.text(test.value, `${path}.reference`, 1, limits.REFERENCE_LENGTH_MAX);
        break;
      case 'metadata':
        this.#metadata(test.value, `${path}.metadata`);
        break;
      case 'time':
        this.#time(test.value, `${path}.time`);
        break;
      case 'status':
        this.#status(test.value, `${path}.status`);
        break;
      case 'holdId':
        this.#transferId(test.value, `${path}.hold_id`);
        break;
      case 'reversalOf':
        this.#transferId(test.value, `${path}.reversal_of`);
        break;
      case 'allOf':
        this.#group(test.value.filters, `${path}.all_of`, depth);
        break;
      case 'anyOf':
        this.#group(test.value.filters, `${path}.any_of`, depth);
        break;
      case 'noneOf':
        this.#filter(test.value, `${path}.none_of`, depth + 1);
        break;
    }
  }

  /** An id is the same in every letter case. */
  #transferId(id: string, path: string): void {
    this.#violations.check(isTransferId(id.toLowerCase()), path, NOT_A_TRANSFER_ID);
  }

  #group(filters: readonly Filter[], path: string, depth: number): void {
    this.#violations.check(filters.length > 0, path, 'must have at least one filter');
    for (const [index, filter] of filters.entries()) {
      if (this.#tests > limits.FILTER_TESTS_MAX) return;
      this.#filter(filter, `${path}.filters[${index}]`, depth + 1);
    }
  }

  #account({ accountId, side }: AccountTest, path: string): void {
    const field = `${path}.account_id`;
    if (isAccountId(accountId)) {
      this.#violations.check(
        bookOf(accountId) === this.#book,
        field,
        `${accountId} is not an account of the book that is searched`,
      );
    } else {
      this.#violations.check(false, field, NOT_AN_ACCOUNT_ID);
    }
    this.#violations.check(
      side >= Side.UNSPECIFIED && side <= Side.CREDIT,
      `${path}.side`,
      `${side} is not a side`,
    );
  }

  #metadata({ name, value }: MetadataTest, path: string): void {
    this.#violations.text(name, `${path}.name`, 1, limits.METADATA_NAME_LENGTH_MAX);
    if (value !== undefined) {
      this.#violations.text(value, `${path}.value`, 0, limits.METADATA_VALUE_LENGTH_MAX);
    }
  }

  #time({ from, to }: TimeRange, path: string): void {
    this.#violations.check(
      from !== undefined || to !== undefined,
      path,
      'must have from, to, or both',
    );
    this.#violations.check(from === undefined || isTimestamp(from), `${path}.from`, NOT_A_TIME);
    this.#violations.check(to === undefined || isTimestamp(to), `${path}.to`, NOT_A_TIME);
    this.#violations.check(
      from === undefined || to === undefined || compareTimestamps(from, to) < 0,
      `${path}.to`,
      'must be after from',
    );
  }

  #status(status: TransferStatus, field: string): void {
    this.#violations.check(
      status >= TransferStatus.POSTED && status <= TransferStatus.EXPIRED,
      field,
      `${status} is not a status that a transfer can have`,
    );
  }
}

function isGroup(test: Filter['test']): boolean {
  return test?.$case === 'allOf' || test?.$case === 'anyOf' || test?.$case === 'noneOf';
}
