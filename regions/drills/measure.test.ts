import { describe, expect, test } from 'vitest';
import { longestPause, measureBook, measureCollateral, seriesOf } from './measure.ts';
import type { RecordedCall } from './load/call-log.ts';
import { acknowledgement, call } from './evidence/test/calls.ts';
import type { Sighting } from './watcher.ts';

const answeredAt = (endedAtMs: number, change: Partial<RecordedCall> = {}) =>
  call({ endedAtMs, sentAtMs: endedAtMs - 20, ...change });
const failedAt = (endedAtMs: number) =>
  answeredAt(endedAtMs, { trouble: { code: 'UNKNOWN', outcome: 'unknown', message: '' } });

const times = (...all: number[]) => all.map((at) => answeredAt(at));
const inEpoch = (epoch: number) => ({ acknowledged: acknowledgement({ epoch }) });
const seen = (kind: Sighting['kind'], atMs: number, change: Partial<Sighting> = {}): Sighting => ({
  kind,
  atMs,
  book: 'eu-west-1',
  region: 'us-east',
  epoch: 2,
  ...change,
});

describe('the longest pause', () => {
  test('begins with the last answer before it, regardless of the order in which calls were recorded', () => {
    const calls = times(9_000, 100, 200, 5_200, 300, 9_100);
    expect(longestPause(calls, 250, 9_100)).toEqual({ fromMs: 300, toMs: 5_200 });
  });

  test('a pause that was over before the fault does not count', () => {
    expect(longestPause(times(0, 4_000, 4_100, 5_000), 4_050, 5_000)).toEqual({
      fromMs: 4_100,
      toMs: 5_000,
    });
  });

  test('one that no answer ended lasts as long as the load', () => {
    expect(longestPause(times(100, 200), 150, 9_000)).toEqual({ fromMs: 200, toMs: undefined });
  });

  test('faults do not end it', () => {
    expect(longestPause([...times(100, 900), failedAt(500)], 50, 900)).toEqual({
      fromMs: 100,
      toMs: 900,
    });
  });

  test('without any answer there is nothing to measure', () => {
    expect(longestPause([failedAt(500)], 0, 900)).toBeUndefined();
  });
});

describe('a book', () => {
  const role = {
    number: 1,
    name: 'eu-west-1',
    home: 'eu-west',
    affected: true,
    planned: false,
    before: { region: 'eu-west', epoch: 1 },
    after: { region: 'us-east', epoch: 2 },
  } as const;
  const span = { injectedMs: 1_000, untilMs: 20_000 };

  test('its outage is split into stages', () => {
    const calls = [
      answeredAt(990, inEpoch(1)),
      answeredAt(1_010, inEpoch(1)),
      // Calls that also concern another book, and those of other books, do not count for this one.
      answeredAt(3_000, { to: 'us-east', toBook: 2 }),
      answeredAt(3_200, { toBook: 4 }),
      answeredAt(3_500, { book: 2, home: 'us-east', to: 'us-east', toBook: 2 }),
      answeredAt(10_500, inEpoch(2)),
      answeredAt(10_600, inEpoch(2)),
      answeredAt(20_000, inEpoch(2)),
    ];
    // The load went on until 11 s only.
    const sightings = [
      seen('primary', 0, { region: 'eu-west' }),
      seen('leads', 0, { region: 'eu-west', epoch: 1 }),
      seen('unlocked', 8_000),
      seen('unlocked', 8_500, { book: 'us-east-1' }),
      seen('primary', 9_000),
      seen('leads', 9_800),
    ];
    expect(measureBook(role, calls, sightings, { ...span, untilMs: 11_000 })).toMatchObject({
      rtoMs: 9_500,
      longestPauseMs: 9_490,
      detectedMs: 7_000,
      promotedMs: 8_000,
      fencedMs: 8_800,
      firstGoodWriteMs: 9_500,
      epochBefore: 1,
      epochAfter: 2,
    });
  });

  test('one that is moved on purpose pauses only when its turn comes', () => {
    const calls = [answeredAt(990), answeredAt(5_000), answeredAt(6_500), answeredAt(7_000)];
    const short = { injectedMs: 4_000, untilMs: 7_000 };
    expect(measureBook({ ...role, planned: true }, calls, [], short).rtoMs).toBe(4_010);
    expect(measureBook({ ...role, planned: false }, calls, [], short).rtoMs).toBe(1_000);
  });

  test('one that never comes back has no RTO', () => {
    expect(measureBook(role, [answeredAt(990)], [], span)).toMatchObject({
      rtoMs: null,
      longestPauseMs: 19_010,
      detectedMs: null,
      firstGoodWriteMs: null,
    });
  });

  test('one that was not broken has none either, but its pause is reported', () => {
    const calls = [answeredAt(900), answeredAt(1_900), answeredAt(19_990)];
    const whole = measureBook({ ...role, affected: false }, calls, [], span);
    expect(whole).toMatchObject({ rtoMs: null, longestPauseMs: 18_090 });
  });
});

test('collateral counts own accounts of the region alone, from the fault on', () => {
  const calls = [
    answeredAt(900),
    answeredAt(1_100),
    answeredAt(1_600),
    answeredAt(1_200, { via: 'us-east' }),
    answeredAt(1_300, { to: 'us-east', toBook: 2 }),
    failedAt(1_400),
    failedAt(800),
  ];
  expect(measureCollateral('eu-west', calls, { injectedMs: 1_000, untilMs: 1_700 })).toEqual({
    region: 'eu-west',
    calls: 3,
    errors: 1,
    longestPauseMs: 500,
  });
  expect(measureCollateral('us-east', calls, { injectedMs: 0, untilMs: 9 }).longestPauseMs).toBe(
    null,
  );
});

describe('the series of a region', () => {
  test('has every second, those without calls too', () => {
    const calls = [
      answeredAt(1_100, { sentAtMs: 1_000 }),
      answeredAt(1_900, { sentAtMs: 1_890 }),
      failedAt(3_500),
      answeredAt(1_500, { home: 'us-east' }),
    ];
    const { points } = seriesOf('eu-west', calls);
    expect(
      points.map(({ second, acknowledged, errors }) => [second, acknowledged, errors]),
    ).toEqual([
      [1, 2, 0],
      [2, 0, 0],
      [3, 0, 1],
    ]);
    expect(points[0]?.p50Ms).toBeCloseTo(10, 0);
    expect(points[0]?.p99Ms).toBeCloseTo(100, 0);
    expect(points[1]?.p50Ms).toBe(null);
  });

  test('is empty without calls', () => {
    expect(seriesOf('eu-west', []).points).toEqual([]);
  });
});
