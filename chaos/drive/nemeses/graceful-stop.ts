import { profiles } from '../installation/installation.ts';
import { strikeWith } from './breaking.ts';
import type { Nemesis } from './nemesis.ts';
import { always } from './targets.ts';
import { aVictim, type VictimRole } from './victims.ts';

const what: Readonly<Record<VictimRole, string>> = {
  router: 'a router is',
  ledger: "a leader's ledger server is",
  postgres: "a leader's Postgres and its backends are",
};

/**
 * SIGTERM under load, as at a restart for maintenance: accepted calls are finished or answered as
 * unknown. Its supervisor restarts the process. Harms: see `aVictim`.
 */
export function gracefulStop(role: VictimRole): Nemesis {
  return {
    name: `stop-${role}`,
    place: 'N2',
    description: `${what[role]} stopped gracefully, with SIGTERM, under load`,
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
