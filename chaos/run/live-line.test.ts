import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LiveLine } from './live-line.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Keeps what is written; a terminal shows what follows the last clearing of its line. */
class Written {
  readonly isTTY: boolean;
  readonly columns: number;
  text = '';

  constructor(isTTY: boolean, columns = 200) {
    this.isTTY = isTTY;
    this.columns = columns;
  }

  write(text: string): void {
    this.text += text;
  }

  get lines(): string[] {
    return this.text.split('\n').slice(0, -1);
  }

  get lastLine(): string {
    return this.text.split('\r\u001B[2K').at(-1) ?? '';
  }
}

function begun(output: Written): LiveLine {
  const live = new LiveLine(output);
  live.phase('faults');
  for (let call = 1; call <= 200; call += 1) {
    live.called({ router: call % 4 === 0 ? 'us-east' : 'eu-west', type: 'ok', tookMs: call });
  }
  live.called({ router: 'eu-west', type: 'info', tookMs: 5_000 });
  return live;
}

test('a terminal has one line that is drawn twice a second', () => {
  const output = new Written(true);
  const live = begun(output);
  live.fault('N3 pause-leader', ['eu-west/ledger'], true);
  vi.advanceTimersByTime(2_000);
  expect(output.lastLine).toBe(
    '   2.0 s  faults | 101 calls/s: eu-west 76 us-east 25 | p99 199 ms | 1 unknown | N3 pause-leader',
  );
  const drawn = output.text.split('\r').length;
  vi.advanceTimersByTime(1_000);
  expect(output.text.split('\r').length - drawn).toBe(2);
  live.fault('N3 pause-leader', ['eu-west/ledger'], false);
  vi.advanceTimersByTime(1_000);
  expect(output.lastLine).toBe(
    '   4.0 s  faults | 0 calls/s: eu-west 0 us-east 0 | p99 - | 1 unknown',
  );
  live.stop();
  expect(output.lastLine).toBe('');
  const { text } = output;
  vi.advanceTimersByTime(10_000);
  expect(output.text).toBe(text);
});

test('the line of a terminal is never wider than it', () => {
  const output = new Written(true, 40);
  const live = begun(output);
  vi.advanceTimersByTime(500);
  expect(output.lastLine).toHaveLength(39);
  live.stop();
});

test('without a terminal there is a line for each step and fault, and one every five seconds', () => {
  const output = new Written(false);
  const live = begun(output);
  const links = ['eu-west>us-east', 'us-east>eu-west'];
  live.fault('N6 partition', links, true);
  vi.advanceTimersByTime(5_000);
  live.fault('N6 partition', links, false);
  // Ending a fault twice has no further effect.
  live.fault('N6 partition', links, false);
  live.phase('quiet');
  vi.advanceTimersByTime(5_000);
  live.stop();
  vi.advanceTimersByTime(50_000);
  expect(output.lines).toEqual([
    '   0.0 s  faults',
    '   0.0 s  N6 partition on eu-west>us-east, us-east>eu-west',
    '   5.0 s  faults | 40 calls/s: eu-west 30 us-east 10 | p99 199 ms | 1 unknown | N6 partition',
    '   5.0 s  N6 partition is over after 5.0 s',
    '   5.0 s  quiet',
    '  10.0 s  quiet | 0 calls/s: eu-west 0 us-east 0 | p99 - | 1 unknown',
  ]);
  expect(output.text).not.toContain('\u001B');
});
