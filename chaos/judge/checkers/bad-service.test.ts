import { expect, test } from 'vitest';
import { must } from '../../../ledger/core/assert.ts';
import type { PageOperation } from '../history/operation.ts';
import { callOf, failing, good } from './test/bad-run.ts';
import type { GoodRun } from './test/good-run.ts';

/** Removes the events of the last piece of a subscription. */
function silence({ story }: GoodRun, value: Partial<PageOperation['value']>): void {
  const page = must(story.operations.pages.at(-1), 'there is a page');
  Object.assign(page, { value: { ...page.value, ...value }, reply: { events: [] } });
}

test('a subscription delivers none of the events that a book has', () => {
  expect(failing({ history: (run) => silence(run, { after: 3 }) })).toEqual(['I22']);
});

test('a subscription delivers none of the events that an account has', () => {
  const account = String(good.alice);
  expect(failing({ history: (run) => silence(run, { account, after: 1 }) })).toEqual(['I22']);
});

test('a subscription has no events to deliver yet', () => {
  const after = good.story.book(1).rows.length;
  expect(failing({ history: (run) => silence(run, { after }) })).toEqual([]);
});

test.each(['RESOURCE_EXHAUSTED', 'NOT_FOUND', 'INTERNAL'])(
  'a call failed with %s and no fault near',
  (code) => {
    const history = (run: GoodRun) => {
      const fault = { code, message: '' };
      Object.assign(callOf(run, 'third'), { type: 'fail', reply: null, fault });
    };
    expect(failing({ history })).toContain('I22');
  },
);
