import { INVARIANTS } from '../../../../ledger/audit/findings.ts';
import type { RegionName } from '../../../topology/layout.ts';
import type { DrillReport, RegionSeries, TimelineMark } from '../../report.ts';

/** Sample reports, for tests and for viewing the page. */

const injectedMs = 15_240;

const none = () => ({ count: 0, amountMinor: '0', keys: [] });

/** The events of the drill, in order. */
const passedTimeline: TimelineMark[] = [
  mark(injectedMs, 'injected', 'us-east is lost', { region: 'us-east' }),
  mark(19_870, 'detected', 'the leader of us-east-1 is gone', { book: 'us-east-1' }),
  mark(24_310, 'promoted', 'Postgres of eu-west is the primary', { book: 'us-east-1' }),
  mark(24_640, 'fenced', 'epoch 1 is over', { book: 'us-east-1' }),
  mark(25_040, 'first-good-write', 'eu-west leads us-east-1 in epoch 2', {
    book: 'us-east-1',
    region: 'eu-west',
  }),
  mark(41_000, 'other', 'us-east is started again', { region: 'us-east' }),
  mark(57_420, 'healed', 'three copies of every book'),
];

/** The evidence of a drill that passed. */
const passedEvidence: DrillReport['evidence'] = {
  complete: true,
  unread: [],
  calls: 8_712,
  acknowledged: 8_655,
  missing: none(),
  duplicates: none(),
  contradicted: none(),
  falselyRefused: none(),
  phantoms: none(),
  deposed: none(),
  unknownBefore: 42,
  unknownAfter: 0,
  unknownWereApplied: 30,
  unknownWereNot: 12,
  epochs: [
    epoch('eu-west-1', 1, 'eu-west.meridian.internal:17012', 3_018, 204, 63_120),
    epoch('us-east-1', 1, 'us-east.meridian.internal:17022', 741, 211, 15_230),
    epoch('us-east-1', 2, 'eu-west.meridian.internal:17022', 1_900, 25_040, 63_015),
    epoch('ap-south-1', 1, 'ap-south.meridian.internal:17032', 2_996, 260, 63_090),
  ],
  audit: { ok: true, rows: 9_904, violationsTotal: 0, violations: [] },
  invariants: { ...INVARIANTS },
  inTransit: [],
  copies: [
    copy('us-east-1', 'eu-west', 'primary', 3_311),
    copy('us-east-1', 'us-east', 'replica', 3_311),
    copy('us-east-1', 'ap-south', 'replica', 3_305),
  ],
  healedAfterMs: 16_420,
};

/** The measurements of it, against its limits. */
const passedChecks: DrillReport['checks'] = [
  { name: 'Acknowledged transfers missing', limit: '0', measured: '0', result: 'pass' },
  { name: 'Keys posted twice', limit: '0', measured: '0', result: 'pass' },
  { name: 'Unknown outcomes after asking again', limit: '0', measured: '0', result: 'pass' },
  { name: 'us-east-1 writable again', limit: '< 15 s', measured: '9.8 s', result: 'pass' },
  {
    name: 'Pause of eu-west’s own accounts',
    limit: '≤ 1 s',
    measured: '121 ms',
    result: 'pass',
  },
  {
    name: 'Pause of ap-south’s own accounts',
    limit: '≤ 1 s',
    measured: '187 ms',
    result: 'pass',
  },
  {
    name: 'Audit of all books',
    limit: 'no violation',
    measured: '0 in 9,904 rows',
    result: 'pass',
  },
  { name: 'In transit at rest', limit: '0', measured: '0', result: 'pass' },
];

/** The measurements of a drill that failed. */
const failedChecks: DrillReport['checks'] = [
  { name: 'Acknowledged transfers missing', limit: '0', measured: '2', result: 'fail' },
  { name: 'Keys posted twice', limit: '0', measured: '1', result: 'fail' },
  { name: 'us-east-1 writable again', limit: '< 15 s', measured: '18.8 s', result: 'fail' },
  { name: 'Copies are prefixes', limit: 'all', measured: '1 unread', result: 'unknown' },
  {
    name: 'Pause of eu-west’s own accounts',
    limit: '≤ 1 s',
    measured: '121 ms',
    result: 'pass',
  },
];

/** A loss of us-east that passed. */
export function passedReport(): DrillReport {
  return {
    format: 1,
    id: '2026-11-21T12-30-00Z-region-loss',
    scenario: 'region-loss',
    hypothesis:
      'When a region is lost, its book is writable again in another region in under 15 s, no ' +
      'acknowledged transfer is lost, and the accounts of other regions do not notice.',
    breaks: 'Every process of us-east is killed at once and its links are cut.',
    steps: [
      'Check that all books have three copies and serve.',
      'Pay steadily in all regions.',
      'Kill everything in us-east; its callers move to the router of eu-west.',
      'Wait until us-east-1 is writable again.',
      'Start us-east again and heal its links.',
      'Ask again for every unknown outcome, read every journal, compare.',
    ],
    abortConditions: [
      'A book is not writable for 60 s.',
      'More than half of the calls of a healthy region fail.',
    ],
    verdict: 'pass',
    aborted: '',
    operator: 'ana',
    why: 'quarterly exercise, OPS-1432',
    startedAt: '2026-11-21T12:30:00.123Z',
    endedAt: '2026-11-21T12:31:44.870Z',
    commit: '38a19f2c0ffee0123456789abcdef0123456789ab',
    versions: { node: '24.21.0', postgres: '15.18', patroni: '3.0.2', etcd: '3.4.23' },
    config: { region: 'us-east', rate: '50', seconds: '15', delays: '30/70/110 ms', ttl: '6 s' },
    timeline: passedTimeline,
    series: [
      series('eu-west', 12, () => 1),
      series('us-east', 41, (second) => (second >= 16 && second < 25 ? 0 : 1)),
      series('ap-south', 84, () => 1),
    ],
    books: [
      book('eu-west-1', 'eu-west', { affected: false, longestPauseMs: 121 }),
      book('us-east-1', 'us-east', {
        affected: true,
        leaderAfter: 'eu-west',
        epochAfter: 2,
        rtoMs: 9_800,
        longestPauseMs: 9_836,
        detectedMs: 4_630,
        promotedMs: 9_070,
        fencedMs: 9_400,
        firstGoodWriteMs: 9_800,
      }),
      book('ap-south-1', 'ap-south', { affected: false, longestPauseMs: 187 }),
    ],
    collateral: [
      { region: 'eu-west', calls: 3_018, errors: 0, longestPauseMs: 121 },
      { region: 'ap-south', calls: 2_996, errors: 0, longestPauseMs: 187 },
    ],
    evidence: passedEvidence,
    checks: passedChecks,
    notTested: [
      'A loss of power: files that the operating system had taken were not lost.',
      'Loads above 50 transfers a second in each region.',
      'Clocks that differ between regions.',
    ],
    logs: ['drills/2026-11-21T12-30-00Z-region-loss/calls.jsonl', 'data/logs/'],
  };
}

/** A zombie leader that was not fenced, which must never happen. */
export function failedReport(): DrillReport {
  const passed = passedReport();
  const keys = ['0193a5c2-7b1e-7c3a-9d60-3f2b8a5e0001', '0193a5c2-7b1e-7c3a-9d60-3f2b8a5e0002'];
  return {
    ...passed,
    id: '2026-11-21T13-05-00Z-zombie-leader',
    scenario: 'zombie-leader',
    hypothesis: 'A leader that was frozen while another was promoted never acknowledges again.',
    breaks: 'Postgres, Patroni and ledger server of the leader are frozen, and thawed later.',
    verdict: 'fail',
    timeline: [
      ...passed.timeline,
      mark(44_000, 'other', 'the old leader is thawed', { book: 'us-east-1' }),
      mark(44_300, 'other', 'it answers 3 calls that it must not answer', { book: 'us-east-1' }),
    ],
    series: [
      series('eu-west', 12, () => 1),
      series('us-east', 41, (second) => (second >= 16 && second < 34 ? 0 : 1), 1),
      series('ap-south', 84, (second) => (second >= 16 && second < 20 ? 0.3 : 1), 1),
    ],
    books: passed.books.map((each) =>
      each.name === 'us-east-1' ? { ...each, rtoMs: 18_760, firstGoodWriteMs: 18_760 } : each,
    ),
    collateral: [
      { region: 'eu-west', calls: 3_018, errors: 0, longestPauseMs: 121 },
      { region: 'ap-south', calls: 2_740, errors: 131, longestPauseMs: 2_310 },
    ],
    evidence: passed.evidence && {
      ...passed.evidence,
      complete: false,
      unread: ['the copy of us-east-1 in ap-south: connection refused'],
      missing: { count: 2, amountMinor: '1234567', keys },
      duplicates: { count: 1, amountMinor: '700', keys: keys.slice(0, 1) },
      deposed: { count: 3, amountMinor: '1235267', keys },
      unknownBefore: 212,
      unknownAfter: 4,
      unknownWereApplied: 120,
      unknownWereNot: 88,
      audit: {
        ok: false,
        rows: 9_904,
        violationsTotal: 2,
        violations: [
          { invariant: 'I11', place: 'us-east-1', seq: 742, text: 'the chain breaks here' },
          { invariant: 'I6', place: 'us-east-1', seq: 743, text: `${keys[0]} has two outcomes` },
        ],
      },
      inTransit: [
        { from: 'us-east-1', to: 'eu-west-1', asset: 'EUR', transfers: 1, amountMinor: '95' },
      ],
      copies: [
        copy('us-east-1', 'eu-west', 'primary', 3_311),
        { ...copy('us-east-1', 'us-east', 'replica', 3_400), state: 'differs', text: 'at seq 742' },
        {
          book: 'us-east-1',
          region: 'ap-south',
          role: 'unknown',
          seq: null,
          state: 'unread',
          text: 'connection refused',
        },
      ],
      healedAfterMs: null,
    },
    checks: failedChecks,
  };
}

/** A drill that was stopped before anything was broken. */
export function abortedReport(): DrillReport {
  return {
    ...passedReport(),
    verdict: 'aborted',
    aborted: 'ap-south-1 has two copies only; nothing was broken',
    timeline: [],
    series: [],
    books: [],
    collateral: [],
    evidence: null,
    checks: [],
    logs: [],
  };
}

function mark(
  atMs: number,
  kind: TimelineMark['kind'],
  text: string,
  where: Pick<TimelineMark, 'book' | 'region'> = {},
): TimelineMark {
  return { atMs, kind, text, ...where };
}

/** Some 60 s of 50 calls a second, of which `share` is answered; `faulty` of the rest are faults. */
function series(
  region: RegionName,
  latencyMs: number,
  share: (second: number) => number,
  faulty = 0,
): RegionSeries {
  const points = Array.from({ length: 63 }, (_value, second) => {
    const wobble = (second * 7919) % 5;
    const acknowledged = Math.round(share(second) * (48 + wobble));
    // Callers wait for 10 s, then give up.
    const errors = share(second - 10) === 1 || second < 10 ? 0 : Math.round(faulty * 40);
    const isAfter = share(second) === 1 && share(second - 1) < 1;
    return {
      second,
      acknowledged,
      errors,
      p50Ms: acknowledged === 0 ? null : latencyMs + wobble,
      p99Ms: acknowledged === 0 ? null : isAfter ? 9_700 : latencyMs * 2.2 + wobble * 4,
    };
  });
  return { region, points };
}

function book(
  name: string,
  home: RegionName,
  figures: Partial<DrillReport['books'][number]>,
): DrillReport['books'][number] {
  return {
    name,
    home,
    affected: false,
    leaderBefore: home,
    leaderAfter: home,
    epochBefore: 1,
    epochAfter: 1,
    rtoMs: null,
    longestPauseMs: null,
    detectedMs: null,
    fencedMs: null,
    promotedMs: null,
    firstGoodWriteMs: null,
    ...figures,
  };
}

function epoch(
  name: string,
  number: number,
  leader: string,
  acknowledged: number,
  firstAtMs: number,
  lastAtMs: number,
) {
  return { book: name, epoch: number, leader, acknowledged, firstAtMs, lastAtMs };
}

function copy(name: string, region: RegionName, role: 'primary' | 'replica', seq: number) {
  return { book: name, region, role, seq, state: 'prefix' as const, text: '' };
}
