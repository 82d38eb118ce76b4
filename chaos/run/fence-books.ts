import { setTimeout as sleep } from 'node:timers/promises';
import type { Copy, Installation } from '../drive/installation/installation.ts';
import type { EpochWatch } from './epoch-watch.ts';

const LED_MS = 60_000;

/** A book has no leader although nothing prevents a server from leading it. */
export class NotLedError extends Error {
  override readonly name = 'NotLedError';
}

/**
 * Ends every epoch: all ledger servers are killed, with the sessions that they have in their
 * databases, and the next leader leads in a newer one. No earlier call can be acknowledged
 * afterwards. Throws NotLedError when a book is not led again.
 */
export async function fence(installation: Installation, leaders: EpochWatch): Promise<void> {
  const { faults, copies } = installation;
  const books = [...new Set(copies.map(({ book }) => book))];
  const before = new Map(books.map((book) => [book, leaders.epoch(book)]));
  await Promise.all(copies.map(({ processes }) => faults.stop(processes.ledger)));
  await Promise.all(copies.map(({ processes }) => faults.start(processes.ledger)));
  const isLed = (book: number) =>
    leaders.leader(book) !== undefined && leaders.epoch(book) > (before.get(book) ?? 0);
  const giveUpAt = performance.now() + LED_MS;
  while (!books.every(isLed)) {
    if (performance.now() > giveUpAt) {
      const names = books.filter((book) => !isLed(book)).map((book) => nameOf(copies, book));
      throw new NotLedError(
        `no server leads ${names.join(', ')} ${LED_MS / 1_000} s after every ledger server was started again`,
      );
    }
    await sleep(100);
  }
}

function nameOf(copies: readonly Copy[], book: number): string {
  return copies.find((copy) => copy.book === book)?.bookName ?? `book ${book}`;
}
