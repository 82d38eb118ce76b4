import pWaitFor from 'p-wait-for';
import {
  copyDatabase,
  dropCopies,
  restoreDatabase,
} from '../../../regions/drills/older-database.ts';
import { Channels, type ChannelStates } from '../../../regions/operator/channel-repairs.ts';
import { must } from '../../../ledger/core/assert.ts';
import type { LostRows } from '../../judge/checkers/lost-rows.ts';
import type { Copy } from '../installation/installation.ts';
import { type Breaking, strikeWith } from './breaking.ts';
import { needsOwn, needsOwnPostgres } from './needs.ts';
import type { Nemesis, Scene } from './nemesis.ts';
import { once } from './session.ts';
import { aLeader, ownRandom } from './targets.ts';

const NAMED_MS = 60_000;
const REPAIRED_MS = 60_000;
const AGAIN_MS = 200;

/**
 * A book that loses rows permanently. It is not in the list of all nemeses: it loses acknowledged
 * payments within the book, which the checkers of a run rightly convict. Its own tests state what
 * must be left, and which checkers hold (checkers/lost-rows.ts).
 *
 * @param loses called with what the database had and the copy has not, once that is in place
 */
export const restoredBook = (loses: (lost: LostRows) => void = () => undefined): Nemesis => ({
  name: 'restored-book',
  place: 'N43',
  description:
    'the database of a book is restored from a copy some seconds old; an operator books again ' +
    'the transfers that other books have of the time since',
  profiles: ['embedded'],
  lastsMs: [2_000, 5_000],
  alone: true,
  whyNot: (installation) =>
    Promise.resolve(needsOwn(installation) || needsOwnPostgres(installation)),
  aim: (scene) => {
    const leader = aLeader(scene);
    const random = ownRandom(scene.random);
    const lost = new Restoring(scene, leader, loses);
    return Promise.resolve(
      strikeWith(scene, {
        targets: [leader.bookName],
        // It posts nothing until it is repaired; the others continue, except for payments to it.
        harms: [{ book: leader.book }],
        begin: async (breaking) => {
          await lost.whileDown(breaking, () => lost.copy());
          await breaking.pause(random.between(3_000, 6_000));
          await lost.whileDown(breaking, () => lost.restore());
        },
        finish: () => lost.repair(),
      }),
    );
  },
});

/** Restores a book from an older copy, and repairs it like an operator. */
class Restoring {
  readonly #scene: Scene;
  readonly #leader: Copy;
  readonly #loses: (lost: LostRows) => void;
  readonly #channels: Channels;
  /** Names of the books that have legs of a channel of which the book has no row. */
  #missed: readonly string[] = [];

  /** Last seq of the copy, and when it was about to be made. */
  #copied = 0;
  #copiedMs = 0;

  constructor(scene: Scene, leader: Copy, loses: (lost: LostRows) => void) {
    this.#scene = scene;
    this.#leader = leader;
    this.#loses = loses;
    this.#channels = new Channels(scene.installation.state());
  }

  /** Runs `work` while the ledger server of the book is down. */
  async whileDown({ faults }: Breaking, work: () => Promise<void>): Promise<void> {
    const { ledger } = this.#leader.processes;
    await faults.stop(ledger);
    await work();
    await faults.start(ledger);
  }

  /** Makes the copy. */
  async copy(): Promise<void> {
    const { adminUrl } = this.#leader;
    const [head] = await once(adminUrl, (sql) => sql<{ seq: string }[]>`SELECT seq FROM head`);
    this.#copied = Number(must(head, 'a book has a head').seq);
    this.#copiedMs = Date.now();
    await copyDatabase(adminUrl);
  }

  /** Replaces the database by the copy, and finds which rows the other books have in addition. */
  async restore(): Promise<void> {
    const { adminUrl, book } = this.#leader;
    const rows = await once(
      adminUrl,
      (sql) =>
        sql<{ id: string; seq: string }[]>`SELECT id, seq FROM journal WHERE seq > ${this.#copied}`,
    );
    await restoreDatabase(adminUrl);
    const seqs = new Map(rows.map(({ id, seq }) => [id, Number(seq)]));
    this.#loses({ book, seqs, copiedMs: this.#copiedMs, restoredMs: Date.now() });
    const states = await this.#channels.states();
    if (states.unread.length > 0) throw new Error(`not read: ${states.unread.join()}`);
    this.#missed = missedBy(this.#leader.bookName, states);
    this.#scene.report(`${this.#leader.bookName} has lost legs of: ${this.#missed.join(', ')}`);
  }

  /**
   * Waits until the books have reported each loss, then runs the repair.
   * @throws Error when a loss is not reported in time, or the books do not agree again in time
   */
  async repair(): Promise<void> {
    await dropCopies(this.#leader.adminUrl);
    if (this.#missed.length === 0) return;
    const { bookName } = this.#leader;
    await until(`CHANNEL_DIVERGED of ${bookName}`, NAMED_MS, async () => {
      const { diverged } = await this.#channels.states();
      const own = diverged.filter(({ book, lost }) => book === bookName && lost === bookName);
      return this.#missed.every((peer) => own.some((one) => one.peer === peer));
    });
    const why = 'restored-book';
    await until(`the repair of ${bookName}`, REPAIRED_MS, async () => {
      // Its leader may not answer yet; a failed repair is run again.
      const repairing = this.#channels.repair(bookName, { by: 'chaos', why });
      const losses = await repairing.catch((error: unknown) => {
        this.#scene.report(error instanceof Error ? error.message : String(error));
      });
      for (const { peer, lostSent, undone, lostArrived } of losses ?? []) {
        const counts = [lostSent, undone, lostArrived].map(({ length }) => length).join('/');
        this.#scene.report(`${bookName} has again what ${peer} has: ${counts}`);
      }
      const { diverged, unread } = await this.#channels.states();
      return diverged.length + unread.length === 0;
    });
  }
}

/** The books that have applied more than a book has sent them, or settled more than it applied. */
function missedBy(name: string, { channels }: ChannelStates): string[] {
  const sentLost = channels.filter(
    ({ from, sent, applied = 0 }) => from === name && applied > sent,
  );
  const arrivedLost = channels.filter(
    ({ to, settled, applied = 0 }) => to === name && settled > applied,
  );
  // The peer may have a channel of which the book has no row at all.
  return [...new Set([...sentLost.map(({ to }) => to), ...arrivedLost.map(({ from }) => from)])];
}

function until(what: string, withinMs: number, isSo: () => Promise<boolean>): Promise<void> {
  const message = `${what}: timed out after ${withinMs / 1_000} s`;
  return pWaitFor(isSo, { interval: AGAIN_MS, timeout: { milliseconds: withinMs, message } });
}
