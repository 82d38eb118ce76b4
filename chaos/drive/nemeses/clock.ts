import type { Harm } from '../../judge/history/record.ts';
import { type OwnMeans, profiles } from '../installation/installation.ts';
import { type Breaking, strikeWith } from './breaking.ts';
import { needsOwn } from './needs.ts';
import type { Nemesis, Scene, Strike } from './nemesis.ts';
import { aLeader, aRegion, ownRandom } from './targets.ts';

/**
 * Wrong wall clocks (N21 to N23). Only `Date` of the process is shifted; waits use the monotonic
 * clock.
 */

const HOUR_MS = 3_600_000;
const JUMPS_MS = [100, 1_000, 60_000, HOUR_MS];

/**
 * Tolerated error of the time of a book meanwhile, in milliseconds: rows are stamped by elapsed
 * time, and servers that agree within a second are not corrected before they lead a book.
 */
export const toleratedSkewMs = 2_000;

/** Fraction by which a clock is faster or slower than it should be. */
const DRIFT = 0.05;

interface Clocks {
  /** Process names as in `Faults`. */
  readonly processes: readonly string[];
  readonly harms: readonly Harm[];
}

/**
 * The clocks of one ledger server, of all of them, or of one router.
 *
 * A ledger server stamps rows by elapsed time, which approaches the wall clock slowly, and takes no
 * deadline from it: a wrong one affects no call. A router computes the remaining time of a call by
 * the wall clock, so a call that is under way when it jumps may end too early.
 */
function someClocks(scene: Scene): Clocks {
  const { random, installation } = scene;
  const kind = random.weighted({ one: 4, all: 2, router: 1 });
  if (kind === 'router') {
    const region = aRegion(scene);
    return { processes: [`${region}/router`], harms: [{ router: region }] };
  }
  const copies = kind === 'all' ? installation.copies : [aLeader(scene)];
  return { processes: copies.map(({ processes }) => processes.ledger), harms: [] };
}

type Shift = (byMs: number) => void;

/** A strike that shifts the clocks; they are right again at the end. */
function clockStrike(
  scene: Scene,
  { processes, harms }: Clocks,
  begin: (breaking: Breaking, shift: Shift) => void,
): Promise<Strike> {
  const own = requireOwn(scene);
  const shift: Shift = (byMs) => {
    for (const process of processes) own.shiftClock(process, Math.round(byMs));
  };
  return Promise.resolve(
    strikeWith(scene, {
      targets: processes,
      harms,
      begin: (breaking) => Promise.resolve(begin(breaking, shift)),
      finish: () => Promise.resolve(shift(0)),
    }),
  );
}

function requireOwn({ installation }: Scene): OwnMeans {
  if (installation.own === undefined) throw new Error(needsOwn(installation));
  return installation.own;
}

const common = {
  profiles,
  alone: false,
  whyNot: (installation) => Promise.resolve(needsOwn(installation)),
} as const satisfies Partial<Nemesis>;

export const clockJump: Nemesis = {
  ...common,
  name: 'clock-jump',
  place: 'N21',
  description:
    'the wall clock of one server or of all ledger servers jumps by up to an hour, and back',
  lastsMs: [2_000, 10_000],
  aim: (scene) => {
    const clocks = someClocks(scene);
    const byMs = scene.random.pick(JUMPS_MS) * (scene.random.chance(0.5) ? 1 : -1);
    return clockStrike(scene, clocks, (_, shift) => {
      scene.report(`the clocks of ${clocks.processes.join(', ')} jump by ${byMs} ms`);
      shift(byMs);
    });
  },
};

export const clockAhead: Nemesis = {
  ...common,
  name: 'clock-ahead',
  place: 'N21',
  description:
    'the wall clock of the server that leads a book jumps an hour ahead, and back after seconds',
  lastsMs: [5_000, 10_000],
  aim: (scene) => {
    const clocks = { processes: [aLeader(scene).processes.ledger], harms: [] };
    return clockStrike(scene, clocks, (_, shift) => {
      scene.report(`the clock of ${clocks.processes.join(', ')} jumps an hour ahead`);
      shift(HOUR_MS);
    });
  },
};

export const clockStrobe: Nemesis = {
  ...common,
  name: 'clock-strobe',
  place: 'N22',
  description: 'the wall clock of a server jumps back and forth many times a second',
  lastsMs: [3_000, 10_000],
  aim: (scene) => {
    const clocks = someClocks(scene);
    const random = ownRandom(scene.random);
    const mostMs = random.pick(JUMPS_MS.slice(0, 3));
    const everyMs = random.between(10, 200);
    return clockStrike(scene, clocks, ({ goOn, pause }, shift) =>
      goOn(async () => {
        for (;;) {
          shift(random.between(-mostMs, mostMs));
          await pause(everyMs);
        }
      }),
    );
  },
};

export const clockDrift: Nemesis = {
  ...common,
  name: 'clock-drift',
  place: 'N22',
  description: 'the wall clock of a server runs 5 % too fast or too slow',
  lastsMs: [5_000, 20_000],
  aim: (scene) => {
    const clocks = someClocks(scene);
    const rate = scene.random.chance(0.5) ? DRIFT : -DRIFT;
    return clockStrike(scene, clocks, ({ goOn, pause }, shift) =>
      goOn(async () => {
        const from = performance.now();
        for (;;) {
          shift((performance.now() - from) * rate);
          await pause(50);
        }
      }),
    );
  },
};
