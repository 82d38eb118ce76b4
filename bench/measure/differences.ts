import { type Effects, rowNames } from '../load/effects.ts';
import type { Acknowledged } from '../load/job.ts';

const plurals: Readonly<Record<keyof Effects, string>> = {
  transfer: 'transfers',
  hold: 'holds',
  capture: 'captures',
  release: 'releases',
  expiry: 'expiries',
  group: 'groups',
  openHold: 'more open holds',
};

/**
 * Returns how the acknowledged effects differ from those in a book since; empty if they do not.
 *
 * @param there what the journal has, legs of groups among the transfers
 */
export function differences(acknowledged: Acknowledged, there: Effects): string[] {
  const { requests, posted, inTransit, held, released, refused, effects } = acknowledged;
  if (refused > 0) return [`${refused} requests were refused`];
  const found: string[] = [];
  const answers = posted + inTransit + held + released;
  if (answers !== requests) found.push(`${requests} requests have ${answers} answers`);
  if (held !== effects.hold.count) found.push(`${effects.hold.count} holds, ${held} were held`);
  if (released !== effects.release.count) {
    found.push(`${effects.release.count} releases, ${released} were released`);
  }
  for (const name of [...rowNames, 'openHold'] as const) {
    const [wanted, actual] = [effects[name], there[name]];
    const what = plurals[name];
    if (wanted.count !== actual.count) {
      found.push(`${wanted.count} ${what} were acknowledged, ${actual.count} are there`);
    }
    if (wanted.amount !== actual.amount) {
      found.push(`${what} of ${wanted.amount} were acknowledged, ${actual.amount} are there`);
    }
  }
  return found;
}
