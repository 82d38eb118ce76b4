import {
  AbortedDrill,
  acknowledgedWithin,
  type Drill,
  type Scenario,
  standbysOf,
} from '../scenario.ts';

/** Answers to commits of the last moment may arrive this long after the fault. */
const ANSWERS_UNDER_WAY_MS = 1_000;

export const doubleFailure: Scenario = {
  name: 'double-failure',
  hypothesis:
    'With two of its three copies gone a book acknowledges nothing, because no second region ' +
    'could have it; status reports so. When they come back, nothing is lost.',
  breaks: 'a region is lost at the same time as another one with a copy of its book',
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
    const { region, faults, clock } = drill;
    const [standby] = standbysOf(drill);
    if (standby === undefined) throw new AbortedDrill('there is no second region to lose');
    const second = standby.region;
    drill.mark('injected', `${region} and ${second} are lost`, { region });
    await Promise.all([faults.loseRegion(region), faults.loseRegion(second)]);
    const lostAtMs = clock.now();
    await drill.pause(15_000);
    const { books, hasMajority } = stuckWithout(drill, [region, second]);
    await checkStatus(drill, books, hasMajority);
    const toMs = clock.now();
    const given = acknowledgedWithin(drill, books, lostAtMs + ANSWERS_UNDER_WAY_MS, toMs);
    drill.check({
      name: 'books with two copies gone, or without etcd, acknowledge nothing',
      limit: '0',
      measured: `${given} in ${((toMs - lostAtMs) / 1_000).toFixed(1)} s`,
      result: given === 0 ? 'pass' : 'fail',
    });
    await Promise.all([faults.restoreRegion(region), faults.restoreRegion(second)]);
    drill.mark('healed', `${region} and ${second} are back`, { region });
  },
};

/** Numbers of the books that can acknowledge nothing without these regions. */
function stuckWithout({ replicated, books }: Drill, lost: readonly string[]) {
  const gone = (places: readonly { readonly region: string }[]) =>
    places.filter(({ region }) => lost.includes(region)).length;
  const { etcd, members } = replicated;
  const hasMajority = etcd.length - gone(etcd) > etcd.length / 2;
  const isStuck = ({ number }: Drill['books'][number]) =>
    !hasMajority || gone(members.filter(({ book }) => book === number)) > 1;
  return { hasMajority, books: books.filter(isStuck).map(({ number }) => number) };
}

/** Status must report whether etcd has a majority, and that no fail-over of these books is safe. */
async function checkStatus(
  drill: Drill,
  stuck: readonly number[],
  hasMajority: boolean,
): Promise<void> {
  const { coordinated, books } = await drill.operator.status();
  const wrong = books.filter(
    ({ book, failovers }) => stuck.includes(book) && failovers.some(({ safe }) => safe),
  );
  const expected = `${hasMajority ? 'a' : 'no'} majority of etcd, no safe fail-over`;
  drill.check({
    name: 'status reports that these books cannot get another leader',
    limit: expected,
    measured:
      coordinated !== hasMajority
        ? `it reports that etcd has ${coordinated ? 'a' : 'no'} majority`
        : wrong.length > 0
          ? `it reports that ${wrong.map(({ name }) => name).join(', ')} can fail over`
          : expected,
    result: coordinated === hasMajority && wrong.length === 0 ? 'pass' : 'fail',
  });
}
