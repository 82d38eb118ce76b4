import { expect, test } from 'vitest';
import { acknowledgement, call } from './evidence/test/calls.ts';
import { Timeline } from './drill-timeline.ts';
import type { Sighting } from './watcher.ts';

const seen = (kind: Sighting['kind'], atMs: number): Sighting => ({
  kind,
  atMs,
  book: 'eu-west-1',
  region: 'us-east',
  epoch: 2,
});
const answered = (epoch: number, endedAtMs: number, replayed = false) =>
  call({ endedAtMs, acknowledged: acknowledgement({ epoch, replayed }) });

test('marks what the system does about a fault, each thing once', () => {
  const marked: string[] = [];
  const timeline = new Timeline(({ kind, atMs }) => marked.push(`${kind} ${atMs}`));
  timeline.saw(seen('leads', 1));
  timeline.called(answered(1, 2), 'eu-west-1');
  timeline.mark(10, 'injected', 'broken');
  timeline.saw(seen('unlocked', 20));
  timeline.saw(seen('unlocked', 21));
  timeline.saw(seen('primary', 30));
  timeline.saw(seen('leads', 40));
  // An answer of the old epoch, and one that repeats it, are no first good write.
  timeline.called(answered(1, 41), 'eu-west-1');
  timeline.called(answered(2, 42, true), 'eu-west-1');
  timeline.called(answered(2, 43), 'eu-west-1');
  timeline.called(answered(2, 44), 'eu-west-1');
  timeline.mark(50, 'healed', 'repaired');
  timeline.end();
  timeline.saw(seen('primary', 60));
  timeline.called(answered(3, 61), 'eu-west-1');
  expect(marked).toEqual([
    'injected 10',
    'detected 20',
    'promoted 30',
    'fenced 40',
    'first-good-write 43',
    'healed 50',
    'other 60',
    'other 61',
  ]);
  expect(timeline.injectedMs).toBe(10);
  expect(timeline.healedMs).toBe(50);
});
