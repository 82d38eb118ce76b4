import { expect, test } from 'vitest';
import { must } from '../../ledger/core/assert.ts';
import { gatherEvidence } from './evidence.ts';
import { holds } from './holds.ts';
import { Story } from './test/story.ts';

const HOUR_MICROS = 3_600_000_000;

/** A run in which payments are made, and `between` happens to the book after half of them. */
function verdictAfter(between: (story: Story) => void) {
  const story = new Story();
  story.phase('load');
  const bank = story.open(1, 'bank');
  const shop = story.open(1, 'shop');
  const pay = (key: string) =>
    story.transfer(key, { debitAccountId: bank, creditAccountId: shop, amount: 1n });
  for (let number = 0; number < 5; number += 1) pay(`before ${number}`);
  between(story);
  for (let number = 0; number < 5; number += 1) pay(`after ${number}`);
  return holds(gatherEvidence(story.history(), story.finals()));
}

test('a book whose time passes as time does is right, however long it is idle', () => {
  expect(verdictAfter((story) => story.pass(3_600_000))).toMatchObject({ state: 'pass' });
});

test('a book whose time jumps ahead, and then stands still, is convicted', () => {
  const jumped = verdictAfter((story) => story.book(1).waitUntil(HOUR_MICROS));
  expect(jumped).toMatchObject({
    state: 'fail',
    total: 1,
    witnesses: [{ text: expect.stringMatching(/^the time of book 1 was 359\d{4} ms further/u) }],
  });
});

test('a book whose time jumps as far as the wall clock of the machine was set is right', () => {
  const jumped = verdictAfter((story) => {
    for (const phase of story.phases) Object.assign(phase, { wallMs: 0 });
    story.book(1).waitUntil(HOUR_MICROS);
    story.phase('faults');
    const since = must(story.phases[0], 'it has begun').ns;
    Object.assign(must(story.phases[1], 'it was added'), {
      wallMs: 3_600_000 + (story.ns - since) / 1e6,
    });
  });
  expect(jumped).toMatchObject({ state: 'pass' });
});
