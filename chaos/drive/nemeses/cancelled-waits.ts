import { copiesOf, profiles } from '../installation/installation.ts';
import { type Breaking, strikeWith } from './breaking.ts';
import type { Nemesis } from './nemesis.ts';
import { closeSession, openSession, type Session } from './session.ts';
import { aLeader, always, ownRandom } from './targets.ts';

/** Backends of the ledger that are cancelled or ended from outside (N32). */

export const syncWaitTrap: Nemesis = {
  name: 'sync-wait-trap',
  place: 'N32',
  description:
    "no copy of a book confirms commits, so that its leader's commits wait; those waits are " +
    'cancelled and their connections ended, until the copies are back',
  profiles: ['replicated'],
  lastsMs: [3_000, 10_000],
  // The book has no majority meanwhile.
  alone: true,
  whyNot: always,
  aim: (scene) => {
    const leader = aLeader(scene);
    const standbys = copiesOf(scene.installation, leader.book)
      .filter((copy) => copy !== leader)
      .map(({ processes }) => processes.postgres);
    const random = ownRandom(scene.random);
    const session = openSession(leader.adminUrl);
    const cancelWaits = async () => {
      const waiting = await session<{ pid: number }[]>`
        SELECT pid FROM pg_stat_activity
         WHERE wait_event = 'SyncRep' AND usename = 'meridian_ledger'`;
      for (const { pid } of waiting) await interrupt(session, pid, random.chance(0.5));
    };
    const begin = async ({ faults, goOn, over, pause }: Breaking) => {
      await Promise.all(standbys.map((name) => faults.signal(name, 'SIGSTOP')));
      goOn(async () => {
        while (!over.aborted) {
          await cancelWaits().catch(() => undefined);
          // A commit waits for a while, as it would before an operator loses patience.
          await pause(random.between(100, 1_500));
        }
      });
    };
    return Promise.resolve(
      strikeWith(scene, {
        targets: [...standbys, leader.processes.postgres],
        // No write to this book can be acknowledged.
        harms: [{ book: leader.book }],
        begin,
        finish: () => closeSession(session),
      }),
    );
  },
};

export const cancelledBackends: Nemesis = {
  name: 'cancelled-backends',
  place: 'N32',
  description: "statements of a book's ledger server are cancelled, and its connections ended",
  profiles,
  lastsMs: [3_000, 10_000],
  alone: false,
  whyNot: always,
  aim: (scene) => {
    const { adminUrl, book, processes } = aLeader(scene);
    const random = ownRandom(scene.random);
    const session = openSession(adminUrl);
    const interruptOne = async () => {
      const backends = await session<{ pid: number }[]>`
        SELECT pid FROM pg_stat_activity WHERE usename = 'meridian_ledger' ORDER BY pid`;
      if (backends.length === 0) return;
      await interrupt(session, random.pick(backends).pid, random.chance(0.7));
    };
    const begin = ({ goOn, over, pause }: Breaking) => {
      goOn(async () => {
        while (!over.aborted) {
          await interruptOne().catch(() => undefined);
          // A statement takes a millisecond: most cancellations hit nothing, so there are many.
          await pause(random.between(5, 300));
        }
      });
      return Promise.resolve();
    };
    return Promise.resolve(
      strikeWith(scene, {
        targets: [processes.postgres],
        // A leader whose commit is cut short steps down, and takes the book over again.
        harms: [{ book }],
        begin,
        finish: () => closeSession(session),
      }),
    );
  },
};

async function interrupt(session: Session, pid: number, cancel: boolean): Promise<void> {
  if (cancel) await session`SELECT pg_cancel_backend(${pid})`;
  else await session`SELECT pg_terminate_backend(${pid})`;
}
