import type { Filter } from '../../proto/gen/meridian/v1/query.ts';
import { microsBefore } from '../core/timestamp.ts';

/** The times (microseconds since 1970) whose places a filter needs. */
export function filterTimes(filter: Filter | undefined): bigint[] {
  const test = filter?.test;
  if (test?.$case === 'time') {
    const { from, to } = test.value;
    return [from, to].flatMap((time) => (time === undefined ? [] : [microsBefore(time)]));
  }
  if (test?.$case === 'noneOf') return filterTimes(test.value);
  const isGroup = test?.$case === 'allOf' || test?.$case === 'anyOf';
  return isGroup ? test.value.filters.flatMap(filterTimes) : [];
}
