import { InvalidArgumentError } from 'commander';
import { expect, test } from 'vitest';

import type { Filter } from '../../../proto/gen/meridian/v1/query.ts';
import { TransferStatus } from '../../../proto/gen/meridian/v1/transfer.ts';
import { filterOfTerms, parseMetadataTerm, parseStatus } from './filter.ts';

const code = (value: number): Filter => ({ test: { $case: 'code', value } });

test('no terms make no filter, one term is the filter itself', () => {
  expect(filterOfTerms({})).toBeUndefined();
  expect(filterOfTerms({ code: [7] })).toEqual(code(7));
});

test('terms of one kind are alternatives, kinds must all pass', () => {
  const from = { seconds: 1n, nanos: 0 };
  const terms = { code: [7, 8], reference: ['a'], from, filter: code(9) };
  expect(filterOfTerms(terms)).toEqual({
    test: {
      $case: 'allOf',
      value: {
        filters: [
          { test: { $case: 'anyOf', value: { filters: [code(7), code(8)] } } },
          { test: { $case: 'reference', value: 'a' } },
          { test: { $case: 'time', value: { from, to: undefined } } },
          code(9),
        ],
      },
    },
  });
});

test('metadata by name, or by name and value', () => {
  expect(parseMetadataTerm('team')).toEqual({ name: 'team', value: undefined });
  expect(parseMetadataTerm('team=')).toEqual({ name: 'team', value: '' });
  expect(parseMetadataTerm('team=a=b')).toEqual({ name: 'team', value: 'a=b' });
  expect(() => parseMetadataTerm('=a')).toThrow(InvalidArgumentError);
});

test('a status as people write it, or as the proto does', () => {
  expect(parseStatus('in-transit')).toBe(TransferStatus.IN_TRANSIT);
  expect(parseStatus('TRANSFER_STATUS_HELD')).toBe(TransferStatus.HELD);
  expect(() => parseStatus('unspecified')).toThrow(InvalidArgumentError);
  expect(() => parseStatus('unrecognized')).toThrow(InvalidArgumentError);
});
