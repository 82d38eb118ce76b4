import { profiles } from '../installation/installation.ts';
import { type Breaking, strikeWith } from './breaking.ts';
import type { Nemesis } from './nemesis.ts';
import { always, ownRandom } from './targets.ts';
import { aVictim, type VictimRole } from './victims.ts';

const what: Readonly<Record<VictimRole, string>> = {
  router: 'a router is',
  ledger: "a leader's ledger server is",
  postgres: "a leader's Postgres and all its backends are",
};

/**
 * SIGKILL once, repeatedly, or the process is kept down until the end. Harms: see `aVictim`. With
 * copies, a book whose Postgres is killed is led elsewhere afterwards, and repeated kills hit a
 * standby, which touches no more than the first.
 */
export function kill(role: VictimRole): Nemesis {
  return {
    name: `kill-${role}`,
    place: 'N1',
    description: `${what[role]} killed with SIGKILL, once, repeatedly, or kept down`,
    profiles,
    lastsMs: [3_000, 12_000],
    alone: false,
    whyNot: always,
    aim: (scene) => {
      const { process, harms } = aVictim(scene, role);
      // Patroni would restart a Postgres that is kept down.
      const canStayDown = role !== 'postgres' || scene.installation.profile === 'embedded';
      const manner = scene.random.pick(['once', 'again', canStayDown ? 'down' : 'again']);
      const random = ownRandom(scene.random);
      const begin = async ({ faults, goOn, pause }: Breaking) => {
        if (manner === 'down') return faults.stop(process);
        await faults.signal(process, 'SIGKILL');
        if (manner === 'once') return;
        goOn(async () => {
          for (;;) {
            await pause(random.between(500, 5_000));
            // It may not have been restarted yet.
            await faults.signal(process, 'SIGKILL').catch(() => undefined);
          }
        });
      };
      return Promise.resolve(strikeWith(scene, { targets: [process], harms, begin }));
    },
  };
}
