import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { IdTable } from './id-table.ts';

type Words = readonly [number, number, number, number];

const words: fc.Arbitrary<Words> = fc.tuple(fc.integer(), fc.integer(), fc.integer(), fc.integer());
/** Few bits differ, in every word, as in keys that are made of a time and a counter. */
const alike = fc
  .tuple(fc.nat(3), fc.nat(1), fc.nat(1), fc.nat(3))
  .map(([a, b, c, d]): Words => [a, b << 31, c, d]);

test('ids are found at their places, and those taken out are not', () => {
  const steps = fc.array(fc.tuple(fc.oneof(words, alike), fc.nat(4)), { maxLength: 200 });
  fc.assert(
    fc.property(steps, (story) => {
      const ids = new Int32Array(200 * 4);
      const table = new IdTable(200);
      const places: Words[] = [];
      for (const [id, step] of story) {
        if (step === 0 && places.length > 0) {
          table.removeLast(ids, places.length - 1);
          places.pop();
          continue;
        }
        ids.set(id, places.length * 4);
        const known = places.findIndex((own) => own.join(' ') === id.join(' '));
        expect(table.add(ids, places.length)).toBe(known < 0);
        if (known < 0) places.push(id);
        expect(table.find(ids, ...id)).toBe(known < 0 ? places.length - 1 : known);
      }
      for (const [place, id] of places.entries()) expect(table.find(ids, ...id)).toBe(place);
      table.clear();
      expect(table.find(ids, 1, 2, 3, 4)).toBe(-1);
    }),
  );
});

test('an id of zeros is one like others', () => {
  const table = new IdTable(2);
  const ids = new Int32Array(8);
  expect(table.find(ids, 0, 0, 0, 0)).toBe(-1);
  expect([table.add(ids, 0), table.add(ids, 1)]).toEqual([true, false]);
  expect(table.find(ids, 0, 0, 0, 0)).toBe(0);
});

test('a full table of ids that follow each other is searched soon', () => {
  const count = 32_768;
  for (const word of [0, 1, 2, 3]) {
    const ids = new Int32Array(count * 4);
    const table = new IdTable(count);
    const began = performance.now();
    let added = 0;
    for (let place = 0; place < count; place += 1) {
      ids[place * 4 + word] = place << 8;
      if (table.add(ids, place)) added += 1;
    }
    expect(added).toBe(count);
    expect(performance.now() - began).toBeLessThan(250);
  }
});
