import { AbortedDrill, acknowledgedWithin, type Drill, type Scenario } from '../scenario.ts';

/** Answers to commits of the last moment may arrive this long after the fault. */
const ANSWERS_UNDER_WAY_MS = 1_000;

export const doubleFailure: Scenario = {
  name: 'double-failure',
  hypothesis:
    'With two of three regions gone nothing is acknowledged, because no second region could ' +
    'have it; status reports so. When they come back, nothing is lost.',
  breaks: 'two of the three regions are lost at the same time',
  steps: [
    'kill everything in two regions and cut their links',
    'wait 15 s, longer than the lease of any leader',
    'ask for the status',
    'start both regions again and heal the links',
  ],
  abortConditions: [],
  affected: 'all',
  healthy: 'none',
  limits: { collateralMs: 1_000 },
  notTested: ['two regions that never come back: that needs a human decision'],
  async run(drill) {
    const { region, others, faults, clock, state } = drill;
    const [second] = others;
    if (second === undefined) throw new AbortedDrill('there is no second region to lose');
    drill.mark('injected', `${region} and ${second} are lost`, { region });
    await Promise.all([faults.loseRegion(region), faults.loseRegion(second)]);
    const lostAtMs = clock.now();
    await drill.pause(15_000);
    await checkStatus(drill);
    const books = state.regions.map(({ book }) => book);
    const toMs = clock.now();
    const given = acknowledgedWithin(drill, books, lostAtMs + ANSWERS_UNDER_WAY_MS, toMs);
    drill.check({
      name: 'nothing is acknowledged while two regions are gone',
      limit: '0',
      measured: `${given} in ${((toMs - lostAtMs) / 1_000).toFixed(1)} s`,
      result: given === 0 ? 'pass' : 'fail',
    });
    await Promise.all([faults.restoreRegion(region), faults.restoreRegion(second)]);
    drill.mark('healed', `${region} and ${second} are back`, { region });
  },
};

/** Status must report that no book can be written, and that no fail-over is safe. */
async function checkStatus(drill: Drill): Promise<void> {
  const { coordinated, books } = await drill.operator.status();
  const wrong = books.filter(({ failovers }) => failovers.some(({ safe }) => safe));
  drill.check({
    name: 'status reports that no book can get another leader',
    limit: 'no majority of etcd, no safe fail-over',
    measured: coordinated
      ? 'it reports that etcd has a majority'
      : wrong.length > 0
        ? `it reports that ${wrong.map(({ name }) => name).join(', ')} can fail over`
        : 'no majority of etcd, no safe fail-over',
    result: !coordinated && wrong.length === 0 ? 'pass' : 'fail',
  });
}
