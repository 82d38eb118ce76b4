import { must } from '../../ledger/core/assert.ts';
import { count, note } from '../../regions/terminal/print.ts';
import type { SinglesJob } from '../load/job.ts';
import { measure, type Measurement, routed } from '../measure/measurement.ts';
import { type PartContext, report } from '../parts.ts';
import { load } from '../profile.ts';
import type { HighestRateFigure, HighestRateStep } from '../result/result.ts';
import { highestRate } from './rate-search.ts';

/** A rate holds if nearly all of it is answered in time, and not only what is answered at all. */
const ACHIEVED_MIN = 0.97;

/** Part h: the highest rate of single transfers within the bound, for each kind of client. */
export async function measureHighestRates(context: PartContext): Promise<HighestRateFigure[]> {
  const figures: HighestRateFigure[] = [];
  for (const client of ['frames', 'library'] as const) {
    figures.push(await measureHighestRate(context, client));
  }
  return figures;
}

async function measureHighestRate(
  { installation, profile, requireGoing }: PartContext,
  client: SinglesJob['client'],
): Promise<HighestRateFigure> {
  const { name, routerAddress } = must(installation.regions[0], 'there is a region');
  const steps: HighestRateStep[] = [];
  const confirmed = new Map<number, Measurement>();
  const rate = await highestRate(profile.search, async (ratePerSecond, step) => {
    requireGoing();
    const measurement = await measure(
      installation,
      { ...routed(installation), seeksLimit: true },
      {
        kind: 'singles',
        router: routerAddress,
        from: name,
        client,
        ratePerSecond,
        // A second of answers that are late is more than the bound allows in any step.
        unansweredMax: ratePerSecond,
        window: profile.searchWindows[step],
      },
    );
    const { perSecond, latency, findings } = measurement;
    const reason = whyNot(ratePerSecond, measurement);
    steps.push({ ratePerSecond, perSecond, p99: latency?.p99, reason, findings });
    report(`h, ${client}, ${count(ratePerSecond)} calls a second`, measurement);
    if (reason !== '') note(`   does not hold: ${reason}`);
    if (reason === '' && step === 'fine') confirmed.set(ratePerSecond, measurement);
    return reason === '';
  });
  return { client, ratePerSecond: rate, measurement: confirmed.get(rate), steps };
}

/** Why a rate does not hold; '' if it does. */
export function whyNot(ratePerSecond: number, measurement: Measurement): string {
  const { overload, latency, perSecond, findings } = measurement;
  if (findings.length > 0) return 'the figure is void';
  if (overload !== undefined) return overload;
  if (latency === undefined || latency.p99 >= load.searchP99Ms) {
    return `p99 is not below ${load.searchP99Ms} ms`;
  }
  return perSecond >= ACHIEVED_MIN * ratePerSecond ? '' : `only ${count(perSecond)}/s are answered`;
}
