import type { Operation } from '../history/operation.ts';
import type { RunHistory } from '../history/read-history.ts';
import { endOf, operationLists } from './judged-run.ts';

/** Calls that ended in one interval. */
export interface Bin {
  /** Middle of the interval, in seconds since the run began. */
  readonly at: number;
  /** Per second. */
  readonly ok: number;
  readonly fail: number;
  readonly info: number;
  /** Of `ok`; null without any. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

export interface RouterRates {
  readonly router: string;
  readonly bins: readonly Bin[];
}

const BINS_MAX = 300;
const BIN_SECONDS = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_200, 3_600];

interface Counts {
  ok: number;
  fail: number;
  info: number;
  readonly tookMs: number[];
}

/**
 * Rates and durations of the calls through each router over the run, in few enough intervals that a
 * run of any length fits into a picture. Reads without a router are left out.
 */
export function ratesOf(history: RunHistory): { binSeconds: number; routers: RouterRates[] } {
  const seconds = endOf(history) / 1e9;
  const binSeconds =
    BIN_SECONDS.find((each) => seconds / each <= BINS_MAX) ?? Math.ceil(seconds / BINS_MAX);
  const count = Math.floor(seconds / binSeconds) + 1;
  const routers = new Map<string, Counts[]>();
  for (const list of operationLists(history)) {
    for (const operation of list) {
      if (isPastRouters(operation)) continue;
      const { router, type, invokedNs, returnedNs } = operation;
      let bins = routers.get(router);
      if (bins === undefined) {
        bins = Array.from({ length: count }, () => ({ ok: 0, fail: 0, info: 0, tookMs: [] }));
        routers.set(router, bins);
      }
      // Calls that outlived the run count as ended with it.
      const index = Math.min(count - 1, Math.floor(returnedNs / 1e9 / binSeconds));
      const bin = bins[index];
      if (bin === undefined) continue;
      bin[type] += 1;
      if (type === 'ok') bin.tookMs.push((returnedNs - invokedNs) / 1e6);
    }
  }
  const names = [...routers.keys()].toSorted();
  return {
    binSeconds,
    routers: names.map((router) => ({
      router,
      bins: (routers.get(router) ?? []).map((bin, index) =>
        summed(bin, (index + 0.5) * binSeconds, binSeconds),
      ),
    })),
  };
}

function isPastRouters({ value }: Operation): boolean {
  return (
    typeof value === 'object' && value !== null && 'level' in value && value.level === 'auditor'
  );
}

function summed({ ok, fail, info, tookMs }: Counts, at: number, seconds: number): Bin {
  tookMs.sort((a, b) => a - b);
  const share = (part: number) =>
    tookMs[Math.min(tookMs.length - 1, Math.floor(tookMs.length * part))] ?? null;
  return {
    at,
    ok: ok / seconds,
    fail: fail / seconds,
    info: info / seconds,
    p50Ms: share(0.5),
    p99Ms: share(0.99),
  };
}
