import { build } from 'hdr-histogram-js';
import type { RegionName } from '../topology/layout.ts';
import { isWithinBook, type RecordedCall } from './load/call-log.ts';
import type { BookFigures, Collateral, RegionSeries, SeriesPoint } from './report.ts';
import type { Sighting } from './watcher.ts';

/** Figures from what callers recorded and what was seen from outside. Pure: no clock, no I/O. */

/** A stretch of time without any acknowledgement; `toMs` undefined: none followed. */
export interface Pause {
  readonly fromMs: number;
  readonly toMs: number | undefined;
}

/** Calls from within their own region, which another region's loss must not affect. */
const own = (call: RecordedCall) => isWithinBook(call) && call.via === call.home;

/**
 * The longest stretch between two acknowledgements that ends after `sinceMs` and begins before
 * `untilMs`; undefined when there was none to measure from. A stretch that no acknowledgement
 * ended lasts until the end of the load.
 */
export function longestPause(
  calls: readonly RecordedCall[],
  sinceMs: number,
  untilMs: number,
): Pause | undefined {
  const times = calls
    .filter(({ acknowledged }) => acknowledged !== undefined)
    .map(({ endedAtMs }) => endedAtMs)
    .toSorted((a, b) => a - b);
  const [first] = times;
  if (first === undefined) return undefined;
  let longest: Pause | undefined;
  let length = -1;
  for (const [index, fromMs] of times.entries()) {
    if (fromMs >= untilMs) break;
    const toMs = times[index + 1];
    if (toMs !== undefined && toMs <= sinceMs) continue;
    const gap = (toMs ?? untilMs) - fromMs;
    if (gap <= length) continue;
    length = gap;
    longest = { fromMs, toMs };
  }
  return longest;
}

export interface Span {
  /** When the fault was injected. */
  readonly injectedMs: number;
  /** When the load stopped sending. */
  readonly untilMs: number;
}

export interface BookRole {
  readonly number: number;
  readonly name: string;
  readonly home: RegionName;
  readonly affected: boolean;
  /** True: its leader is moved on purpose, whenever its turn comes. */
  readonly planned: boolean;
  readonly before: { readonly region: RegionName; readonly epoch: number } | undefined;
  readonly after: { readonly region: RegionName; readonly epoch: number } | undefined;
}

/** Measures one book: its pause, and how its time was spent. */
export function measureBook(
  role: BookRole,
  calls: readonly RecordedCall[],
  sightings: readonly Sighting[],
  { injectedMs, untilMs }: Span,
): BookFigures {
  const { number, name, home, affected, planned, before, after } = role;
  const writes = calls.filter((call) => call.book === number && isWithinBook(call));
  const pause = longestPause(writes, injectedMs, untilMs);
  const seen = sightings.filter(({ book, atMs }) => book === name && atMs >= injectedMs);
  const since = (atMs: number | undefined) => (atMs === undefined ? null : atMs - injectedMs);
  const leads = seen.find(({ kind, epoch }) => kind === 'leads' && epoch > (before?.epoch ?? 0));
  const good = leads && firstOf(writes, leads.epoch);
  const longestPauseMs = pause === undefined ? null : (pause.toMs ?? untilMs) - pause.fromMs;
  return {
    name,
    home,
    affected,
    leaderBefore: before?.region ?? null,
    leaderAfter: after?.region ?? null,
    epochBefore: before?.epoch ?? null,
    epochAfter: after?.epoch ?? null,
    rtoMs: affected ? (planned ? longestPauseMs : since(pause?.toMs)) : null,
    longestPauseMs,
    detectedMs: since(seen.find(({ kind }) => kind === 'unlocked')?.atMs),
    fencedMs: since(leads?.atMs),
    promotedMs: since(
      seen.find(({ kind, region }) => kind === 'primary' && region !== before?.region)?.atMs,
    ),
    firstGoodWriteMs: since(good),
  };
}

/** When the first write of an epoch, or of a later one, was acknowledged. */
function firstOf(writes: readonly RecordedCall[], epoch: number): number | undefined {
  const times = writes
    .filter(({ acknowledged }) => (acknowledged?.epoch ?? 0) >= epoch)
    .map(({ endedAtMs }) => endedAtMs);
  return times.length === 0 ? undefined : Math.min(...times);
}

/** Measures the effect on callers of a healthy region, on their own accounts. */
export function measureCollateral(
  region: RegionName,
  calls: readonly RecordedCall[],
  { injectedMs, untilMs }: Span,
): Collateral {
  const all = calls.filter((call) => own(call) && call.home === region);
  const during = all.filter(({ endedAtMs }) => endedAtMs >= injectedMs);
  const pause = longestPause(all, injectedMs, untilMs);
  return {
    region,
    calls: during.length,
    errors: during.filter(({ trouble }) => trouble !== undefined).length,
    longestPauseMs: pause === undefined ? null : (pause.toMs ?? untilMs) - pause.fromMs,
  };
}

/** Rate and latency, second by second, of the calls that pay from a region's accounts. */
export function seriesOf(region: RegionName, calls: readonly RecordedCall[]): RegionSeries {
  const ended = calls.filter(({ home }) => home === region);
  const bySecond = Map.groupBy(ended, ({ endedAtMs }) => Math.floor(endedAtMs / 1_000));
  const seconds = [...bySecond.keys()];
  const first = Math.min(...seconds);
  const points: SeriesPoint[] = [];
  for (let second = first; second <= Math.max(...seconds); second += 1) {
    points.push(pointOf(second, bySecond.get(second) ?? []));
  }
  return { region, points };
}

function pointOf(second: number, calls: readonly RecordedCall[]): SeriesPoint {
  const answered = calls.filter(({ acknowledged }) => acknowledged !== undefined);
  const latency = build({ highestTrackableValue: 60_000_000, numberOfSignificantValueDigits: 3 });
  for (const { sentAtMs, endedAtMs } of answered) {
    latency.recordValue(Math.max(1, Math.round((endedAtMs - sentAtMs) * 1_000)));
  }
  const at = (percentile: number) =>
    answered.length === 0 ? null : latency.getValueAtPercentile(percentile) / 1_000;
  return {
    second,
    acknowledged: answered.length,
    errors: calls.length - answered.length,
    p50Ms: at(50),
    p99Ms: at(99),
  };
}
