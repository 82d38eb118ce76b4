import type { Harm } from '../../judge/history/record.ts';
import { harmsOfPostgres } from './harms.ts';
import type { Scene } from './nemesis.ts';
import { aLeader, aRegion } from './targets.ts';

/** A process that is killed or stopped. */

export const victimRoles = ['router', 'ledger', 'postgres'] as const;
export type VictimRole = (typeof victimRoles)[number];

export interface Victim {
  /** Process name as in `Faults`. */
  readonly process: string;
  /** Calls that it may touch while the process is down. */
  readonly harms: readonly Harm[];
}

/**
 * A process that matters now: any router, or the ledger server or Postgres of a leader. Without its
 * router a region serves no calls; without its ledger server or Postgres a book serves no calls
 * until that is back, or the book is led elsewhere. Payments into the book need it as well.
 */
export function aVictim(scene: Scene, role: VictimRole): Victim {
  if (role === 'router') {
    const region = aRegion(scene);
    return { process: `${region}/router`, harms: [{ router: region }] };
  }
  const copy = aLeader(scene);
  const { book, processes } = copy;
  const harms = role === 'postgres' ? harmsOfPostgres(scene, copy) : [{ book }];
  return { process: processes[role], harms };
}
