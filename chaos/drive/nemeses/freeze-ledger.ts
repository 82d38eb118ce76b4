import { profiles } from '../installation/installation.ts';
import { type Breaking, strikeWith } from './breaking.ts';
import type { Nemesis } from './nemesis.ts';
import { aLeader, always } from './targets.ts';

/** Its supervisor takes 13 to 15 s on two cores that do nothing else. */
const REPLACED_WITHIN_MS = 25_000;

/**
 * Only the leader's ledger server is frozen: its Postgres is healthy and keeps its lease, so no
 * other region takes the book over. The supervisor of its region must end it and start another. If
 * it has not done so by the end, the run fails. Touches all calls that need the book.
 */
export const freezeLedger: Nemesis = {
  name: 'freeze-ledger',
  place: 'N3',
  description:
    "a leader's ledger server is frozen with SIGSTOP next to a healthy Postgres, until its " +
    'supervisor has replaced it',
  profiles,
  lastsMs: [REPLACED_WITHIN_MS + 1_000, 45_000],
  // A Postgres that another fault takes away is a reason to leave the frozen server alone.
  alone: true,
  whyNot: always,
  aim: (scene) => {
    const { book, processes } = aLeader(scene);
    const { ledger } = processes;
    const starts = () =>
      scene.installation.state().processes.find(({ name }) => name === ledger)?.starts ?? 0;
    let startsBefore = 0;
    let frozenAt = Infinity;
    const begin = async ({ faults }: Breaking) => {
      startsBefore = starts();
      await faults.signal(ledger, 'SIGSTOP');
      frozenAt = performance.now();
    };
    const finish = () => {
      // A strike that was cut short shows nothing.
      const long = performance.now() - frozenAt > REPLACED_WITHIN_MS;
      if (!long || starts() > startsBefore) return Promise.resolve();
      return Promise.reject(new Error(`${ledger} was frozen, and nothing has replaced it`));
    };
    const harms = [{ book }];
    return Promise.resolve(strikeWith(scene, { targets: [ledger], harms, begin, finish }));
  },
};
