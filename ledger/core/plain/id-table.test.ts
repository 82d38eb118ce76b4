import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { hashOf, IdTable } from './id-table.ts';

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

/** Cells that `count` ids would begin their search at, in a table that is half full of them. */
function cellsOf(count: number, idOf: (index: number) => Words): number {
  const cells = new Set<number>();
  for (let index = 0; index < count; index += 1) {
    cells.add(hashOf(...idOf(index)) & (2 * count - 1));
  }
  return cells.size;
}

/** Keys of version 7: a time, and a counter that stands in the higher bits of the third word. */
function inTime(index: number): Words {
  const [ms, counter] = [index >> 6, index & 63];
  return [0x19f, ((ms & 0xffff) << 16) | 0x7000, 0x8000_0000 | (counter << 16), 0x1234];
}

test('ids that follow each other are spread over the table as random ones are', () => {
  const count = 8_192;
  // Random ids reach 39 % of the cells.
  const enough = 0.37 * 2 * count;
  for (let shift = 0; shift <= 16; shift += 1) {
    for (const word of [0, 1, 2, 3]) {
      const idOf = (index: number): Words => {
        const id: [number, number, number, number] = [7, 7 << 12, 1 << 31, 99];
        id[word] = (id[word] ?? 0) ^ (index << shift);
        return id;
      };
      expect(cellsOf(count, idOf)).toBeGreaterThan(enough);
    }
  }
  expect(cellsOf(count, inTime)).toBeGreaterThan(enough);
});
