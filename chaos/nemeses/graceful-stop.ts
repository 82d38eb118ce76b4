import { profiles } from '../installation/installation.ts';
import { strikeWith } from './breaking.ts';
import type { Nemesis } from './nemesis.ts';
import { always, aVictim, type VictimRole } from './targets.ts';

const what: Readonly<Record<VictimRole, string>> = {
  router: 'a router is',
  ledger: "a leader's ledger server is",
  postgres: "a leader's Postgres and its backends are",
};

/**
 * SIGTERM under load, as at a restart for maintenance: what was taken on is finished or told as
 * unknown. The process is started again by its supervisor. What it touches: `aVictim`.
 */
export function gracefulStop(role: VictimRole): Nemesis {
  return {
    name: `stop-${role}`,
    place: 'N2',
    says: `${what[role]} stopped in order, with SIGTERM, under load`,
    profiles,
    lastsMs: [3_000, 10_000],
    alone: false,
    whyNot: always,
    aim: (scene) => {
      const { process, harms } = aVictim(scene, role);
      return Promise.resolve(
        strikeWith(scene, {
          targets: [process],
          harms,
          begin: ({ faults }) => faults.signal(process, 'SIGTERM'),
        }),
      );
    },
  };
}
