import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { FilterGroup, hashBytes, hashText } from './id-filter.ts';

/** Ids that differ in their last digits alone, and ids without a pattern. */
const counted = (index: number) =>
  `00000000-0000-4000-8000-${index.toString(16).padStart(12, '0')}`;
const random = (index: number) => {
  const hex = createHash('sha256').update(String(index)).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
};

const ROOM = 20_000;

function filled(idOf: (index: number) => string): FilterGroup {
  const group = new FilterGroup(ROOM);
  const [first, second] = [group.take(), group.take()];
  for (let index = 0; index < ROOM; index += 1) {
    hashText(idOf(index));
    group.add(index % 2 === 0 ? first : second);
    hashText(idOf(index + 2 * ROOM));
    group.add(index % 2 === 0 ? second : first);
  }
  return group;
}

test.each([
  ['counted', counted],
  ['random', random],
] as const)('full filters miss none of their %s ids, and take few others for theirs', (_, idOf) => {
  const group = filled(idOf);
  let wrong = 0;
  for (let index = 0; index < ROOM; index += 1) {
    hashText(idOf(index));
    const bit = index % 2 === 0 ? 1 : 2;
    expect(group.filtersWith(255) & bit).toBe(bit);
    hashText(idOf(index + ROOM));
    if (group.filtersWith(1) !== 0) wrong += 1;
  }
  expect(wrong / ROOM).toBeLessThan(0.002);
});

test('a filter is the same after it was stored, next to others', () => {
  const group = filled(random);
  const bytes = new Uint8Array(group.storedBytes);
  for (let from = 0; from < bytes.length; from += 1_000) group.copyOut(2, bytes, from, 1_000);
  const other = new FilterGroup(ROOM);
  other.take();
  const bit = other.take();
  for (let from = 0; from < bytes.length; from += 999) other.copyIn(bit, bytes, from, 999);
  for (let index = 0; index < 3 * ROOM; index += 1) {
    hashText(random(index));
    expect(other.filtersWith(255)).toBe(group.filtersWith(2));
  }
});

test('an id is the same as text and as bytes', () => {
  const group = new FilterGroup(10);
  const bit = group.take();
  for (let index = 0; index < 5; index += 1) {
    hashText(random(index));
    group.add(bit);
  }
  for (let index = 0; index < 5; index += 1) {
    hashBytes(Buffer.from(`ff${random(index).replaceAll('-', '')}`, 'hex'), 1);
    expect(group.filtersWith(bit)).toBe(bit);
  }
});
