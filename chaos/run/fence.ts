import { setTimeout as sleep } from 'node:timers/promises';
import type { Installation } from '../installation/installation.ts';
import type { LeaderWatch } from './leaders.ts';

const LED_MS = 60_000;

/**
 * Ends every epoch: all ledger servers are killed, with the sessions that they have in their
 * databases, and whoever leads then does so in a newer one. Nothing of before can be acknowledged
 * any more. Throws Error when a book is not led again.
 */
export async function fence(installation: Installation, leaders: LeaderWatch): Promise<void> {
  const { faults, copies } = installation;
  const books = [...new Set(copies.map(({ book }) => book))];
  const before = new Map(books.map((book) => [book, leaders.epoch(book)]));
  await Promise.all(copies.map(({ processes }) => faults.stop(processes.ledger)));
  await Promise.all(copies.map(({ processes }) => faults.start(processes.ledger)));
  const giveUpAt = performance.now() + LED_MS;
  for (const book of books) {
    while (leaders.leader(book) === undefined || leaders.epoch(book) <= (before.get(book) ?? 0)) {
      if (performance.now() > giveUpAt)
        throw new Error(`nobody leads book ${book} after the fence`);
      await sleep(100);
    }
  }
}
