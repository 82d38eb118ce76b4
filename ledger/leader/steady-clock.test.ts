import { array, assert, constantFrom, integer, oneof, property, record, tuple } from 'fast-check';
import { expect, test } from 'vitest';
import {
  agreedTime,
  BELIEVED_MICROS,
  BookTime,
  JUMP_MICROS,
  type PeerClock,
  SLEW,
  SteadyClock,
} from './steady-clock.ts';

const SECOND = 1_000_000;
const HOUR = 3_600 * SECOND;
const BEGIN = 1_763_700_000 * SECOND;

/** A server whose wall clock is as far off as a test wants. */
class Server {
  elapsed = 0;
  offset = 0;
  readonly clock = new SteadyClock({ wallMicros: BEGIN, elapsedMicros: 0 });

  read(passed = 0, peers: readonly PeerClock[] = [], peerCount = peers.length): number {
    this.elapsed += passed;
    const reading = { wallMicros: BEGIN + this.elapsed + this.offset, elapsedMicros: this.elapsed };
    return this.clock.read(reading, peers, peerCount);
  }
}

/** A server whose clocks are both off by `offset`. */
const peer = (elapsed: number, offset = 0): PeerClock => ({
  wallMicros: BEGIN + elapsed + offset,
  steadyMicros: BEGIN + elapsed + offset,
});

test.each([HOUR, -HOUR])('a wall clock that is %i us off for seconds changes nothing', (offset) => {
  const server = new Server();
  for (let second = 0; second < 7; second += 1) {
    server.offset = offset;
    expect(server.read(SECOND)).toBe(BEGIN + server.elapsed);
    expect(server.clock.apartMicros).toBe(offset);
  }
  server.offset = 0;
  expect(server.read(SECOND)).toBe(BEGIN + server.elapsed);
  expect(server.clock.apartMicros).toBe(0);
});

test('whatever wall clocks do for less than a minute, time passes as elapsed time does', () => {
  const step = record({
    passed: integer({ min: 0, max: 5 * SECOND }),
    offset: oneof(
      integer({ min: -2 * HOUR, max: 2 * HOUR }),
      integer({ min: -2 * SECOND, max: 2 * SECOND }),
    ),
    peers: array(integer({ min: -HOUR, max: HOUR }), { maxLength: 4 }),
  });
  assert(
    property(array(step, { maxLength: 11 }), (steps) => {
      const server = new Server();
      let before = server.read();
      for (const { passed, offset, peers } of steps) {
        server.offset = offset;
        const clocks = peers.map((of) => peer(server.elapsed + passed, of));
        const now = server.read(passed, clocks);
        expect(Math.abs(now - before - passed)).toBeLessThanOrEqual(passed * SLEW + 1);
        before = now;
      }
    }),
  );
});

test('time never goes back, however long a wall clock is wrong', () => {
  const step = tuple(
    integer({ min: 0, max: 100 * SECOND }),
    constantFrom(-HOUR, -SECOND, 0, SECOND, HOUR),
  );
  assert(
    property(array(step), (steps) => {
      const server = new Server();
      let before = server.read();
      for (const [passed, offset] of steps) {
        server.offset = offset;
        const now = server.read(passed);
        expect(now).toBeGreaterThanOrEqual(before);
        before = now;
      }
    }),
  );
});

test('small differences shrink slowly', () => {
  const server = new Server();
  server.offset = 200_000;
  expect(server.read(100 * SECOND)).toBeCloseTo(BEGIN + 100 * SECOND + 50_000, 0);
  expect(server.read(1_000 * SECOND)).toBeCloseTo(BEGIN + 1_100 * SECOND + 200_000, 0);
});

test('a wall clock that keeps its new time is believed after a minute, unless others differ', () => {
  const alone = new Server();
  alone.offset = HOUR;
  alone.read();
  expect(alone.read(BELIEVED_MICROS - 1)).toBe(BEGIN + alone.elapsed);
  expect(alone.read(1)).toBe(BEGIN + alone.elapsed + HOUR);
  const wrong = new Server();
  wrong.offset = HOUR;
  wrong.read();
  const others = [peer(BELIEVED_MICROS), peer(BELIEVED_MICROS, 100_000)];
  const kept = wrong.read(BELIEVED_MICROS, others) - BEGIN - wrong.elapsed;
  expect(Math.abs(kept)).toBeLessThanOrEqual(BELIEVED_MICROS * SLEW);
  expect(wrong.clock.apartMicros).toBe(HOUR - kept);
  const suspended = new Server();
  suspended.offset = HOUR;
  suspended.read();
  const awake = [peer(BELIEVED_MICROS, HOUR), peer(BELIEVED_MICROS, HOUR - 100_000)];
  const now = suspended.read(BELIEVED_MICROS, awake);
  expect(Math.abs(now - (BEGIN + suspended.elapsed + HOUR))).toBeLessThan(JUMP_MICROS);
});

test('a wall clock that has jumped is not believed while most other servers are silent', () => {
  const jumped = new Server();
  jumped.offset = HOUR;
  jumped.read(0, [], 2);
  expect(jumped.read(2 * BELIEVED_MICROS, [], 2)).toBe(BEGIN + jumped.elapsed);
  // One that agrees makes two of three.
  const agrees = [peer(jumped.elapsed + SECOND, HOUR)];
  expect(jumped.read(SECOND, agrees, 2)).toBe(BEGIN + jumped.elapsed + HOUR);
});

/** How far a clock is moved when the other servers' clocks are off by these offsets. */
const corrected = (...offsets: number[]) => {
  const server = new Server();
  server.clock.correct(offsets.map((offset) => peer(0, offset)));
  return server.read() - BEGIN;
};

test('before a book is led, most servers are right, and of two the one that is behind', () => {
  expect(corrected()).toBe(0);
  expect(corrected(100, -100)).toBe(0);
  expect(corrected(-HOUR, -HOUR)).toBe(-HOUR);
  expect(corrected(HOUR, HOUR)).toBe(HOUR);
  expect(corrected(HOUR, -100)).toBe(0);
  expect(corrected(-HOUR)).toBe(-HOUR);
  expect(corrected(HOUR)).toBe(0);
});

test('clocks agree by majority', () => {
  expect(agreedTime([])).toBeUndefined();
  expect(agreedTime([5])).toBe(5);
  expect(agreedTime([0, JUMP_MICROS])).toBe(0);
  expect(agreedTime([0, JUMP_MICROS + 1])).toBeUndefined();
  expect(agreedTime([0, HOUR, 10])).toBe(10);
  expect(agreedTime([0, HOUR, 2 * HOUR])).toBeUndefined();
});

test('a book that is ahead goes on with elapsed time and comes nearer slowly', () => {
  const time = new BookTime(BEGIN + HOUR, BEGIN);
  expect(time.at(BEGIN)).toBe(BEGIN + HOUR);
  expect(time.at(BEGIN + 10 * SECOND)).toBe(BEGIN + HOUR + 10 * SECOND - 5_000);
  expect(time.leadMicros).toBe(HOUR - 5_000);
  // An hour takes long: time is never frozen meanwhile.
  expect(time.at(BEGIN + 3_000 * HOUR)).toBe(BEGIN + 3_000 * HOUR);
  const idle = new BookTime(BEGIN - 100 * HOUR, BEGIN);
  expect([idle.at(BEGIN + 0.7), idle.leadMicros]).toEqual([BEGIN, 0]);
});
