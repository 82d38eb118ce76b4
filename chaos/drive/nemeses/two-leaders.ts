import { setTimeout as sleep } from 'node:timers/promises';
import type { RegionName } from '../../../regions/topology/layout.ts';
import { Patroni } from '../../../regions/operator/patroni.ts';
import { type Copy, copiesOf } from '../installation/installation.ts';
import { type Blow, strikeWith } from './breaking.ts';
import type { Nemesis, Scene, Strike } from './nemesis.ts';
import { once } from './session.ts';
import { aLeader, always } from './targets.ts';

/** Promotions while the old leader is healthy. They touch the calls that need the book. */

const common = {
  place: 'N31',
  profiles: ['replicated'],
  lastsMs: [10_000, 25_000],
  alone: true,
  whyNot: always,
} as const;

const REBUILD_ATTEMPTS = 30;

/** A failover by Patroni, without the checks of the operator: it stops the old leader first. */
export const promoteWhileAlive: Nemesis = {
  ...common,
  name: 'promote-while-alive',
  description: 'Patroni fails over to another copy at once, while the leader is healthy',
  aim: (scene) =>
    strikeStandby(scene, (standby) => ({
      begin: ({ letRun }) => letRun(() => patroniOf(scene, standby).failover(nameOf(standby))),
    })),
};

/**
 * Two primaries: a standby is promoted behind Patroni's back while the leader runs. It must
 * acknowledge nothing, for no standby follows it; the leader has one copy left that confirms its
 * commits. Patroni does not recover a copy whose timeline is ahead of the leader's, so it is
 * rebuilt at the end, as an operator would have to.
 */
export const promoteNextToLeader: Nemesis = {
  ...common,
  name: 'promote-next-to-leader',
  description: 'a standby is promoted by hand, without Patroni, while the leader is alive',
  whyNot: ({ own }) =>
    Promise.resolve(own === undefined ? 'it would rebuild a copy of one of your books' : ''),
  aim: (scene) =>
    strikeStandby(scene, (standby) => ({
      begin: () => promote(standby),
      finish: () => rebuild(scene, standby),
    })),
};

/** Strikes a standby of a drawn book. */
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

/** Its name in Patroni. */
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

async function rebuild(scene: Scene, copy: Copy): Promise<void> {
  const patroni = patroniOf(scene, copy);
  for (let attempt = 1; ; attempt += 1) {
    try {
      await patroni.reinitialize();
      return;
    } catch (error) {
      // Patroni may be busy with this copy, or not know the leader for a moment.
      if (attempt === REBUILD_ATTEMPTS) throw error;
      await sleep(1_000);
    }
  }
}
