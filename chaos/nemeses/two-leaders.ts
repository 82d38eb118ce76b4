import { setTimeout as sleep } from 'node:timers/promises';
import type { RegionName } from '../../regions/local/layout.ts';
import { Patroni } from '../../regions/operator/patroni.ts';
import { type Copy, copiesOf } from '../installation/installation.ts';
import { type Blow, strikeWith } from './breaking.ts';
import type { Nemesis, Scene, Strike } from './nemesis.ts';
import { once } from './session.ts';
import { aLeader, always } from './targets.ts';

/** Promotions while the old leader is well. They touch the calls that need the book. */

const common = {
  place: 'N31',
  profiles: ['replicated'],
  lastsMs: [10_000, 25_000],
  alone: true,
  whyNot: always,
} as const;

const MAKE_ANEW_ATTEMPTS = 30;

/** Patroni is told to, without an operator's questions: it stops the old leader first. */
export const promoteWhileAlive: Nemesis = {
  ...common,
  name: 'promote-while-alive',
  says: 'Patroni has to fail over to another copy at once, while the leader is well',
  aim: (scene) =>
    strikeStandby(scene, (standby) => ({
      begin: ({ letRun }) => letRun(() => patroniOf(scene, standby).failover(nameOf(standby))),
    })),
};

/**
 * Two primaries: a standby is promoted behind Patroni's back while the leader lives. It must
 * acknowledge nothing, for nobody follows it; the leader has one copy left that confirms its
 * commits. Patroni does not get a copy back that is ahead of the leader in timelines, so it is
 * made anew at the end, as whoever had done that would have to.
 */
export const promoteBesideLeader: Nemesis = {
  ...common,
  name: 'promote-beside-leader',
  says: 'a standby is promoted by hand, behind the back of Patroni, while the leader is alive',
  whyNot: ({ own }) =>
    Promise.resolve(own === undefined ? 'it would make a copy of a book of yours anew' : ''),
  aim: (scene) =>
    strikeStandby(scene, (standby) => ({
      begin: () => promote(standby),
      finish: () => makeAnew(scene, standby),
    })),
};

/** Of a drawn book, one that does not lead it. */
function strikeStandby(
  scene: Scene,
  how: (standby: Copy) => Pick<Blow, 'begin' | 'finish'>,
): Promise<Strike> {
  const { book, region } = aLeader(scene);
  const standby = aStandby(scene, book, region);
  const targets = [standby.processes.postgres];
  return Promise.resolve(strikeWith(scene, { targets, harms: [{ book }], ...how(standby) }));
}

function aStandby({ installation, random }: Scene, book: number, leader: RegionName): Copy {
  return random.pick(copiesOf(installation, book).filter(({ region }) => region !== leader));
}

/** As Patroni has it. */
const nameOf = ({ bookName, region }: Copy) => `${bookName}-in-${region}`;

function patroniOf({ installation }: Scene, copy: Copy): Patroni {
  const { replicated } = installation.state();
  const member = replicated?.members.find(({ name }) => name === nameOf(copy));
  if (replicated === undefined || member === undefined) throw new Error('there is no such copy');
  return new Patroni(member.patroniUrl, replicated.patroniAuth);
}

async function promote({ adminUrl }: Copy): Promise<void> {
  await once(adminUrl, (admin) => admin`SELECT pg_promote(false)`);
}

async function makeAnew(scene: Scene, copy: Copy): Promise<void> {
  const patroni = patroniOf(scene, copy);
  for (let attempt = 1; ; attempt += 1) {
    try {
      await patroni.reinitialize();
      return;
    } catch (error) {
      // It may be busy with the very copy, or not know the leader for a moment.
      if (attempt === MAKE_ANEW_ATTEMPTS) throw error;
      await sleep(1_000);
    }
  }
}
