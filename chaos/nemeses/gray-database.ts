import { profiles } from '../installation/installation.ts';
import { type Breaking, strikeWith } from './breaking.ts';
import type { Nemesis, Scene, Strike } from './nemesis.ts';
import { closeSession, openSession, type Session } from './session.ts';
import { aLeader, always } from './targets.ts';

/** Databases that are there and yet are not as they should be (N33). */

const common = { place: 'N33', profiles, alone: false, whyNot: always } as const;

/** More than any Postgres of ours accepts. */
const CONNECTIONS_MOST = 80;

/** Somebody else in the database of a leader, who is gone at the end. */
function intruder(
  scene: Scene,
  /** True: no call is touched by it. */
  harmless: boolean,
  intrude: (session: Session, breaking: Breaking) => Promise<void>,
): Promise<Strike> {
  const { adminUrl, book, processes } = aLeader(scene);
  const session = openSession(adminUrl);
  return Promise.resolve(
    strikeWith(scene, {
      targets: [processes.postgres],
      harms: harmless ? [] : [{ book }],
      begin: (breaking) => intrude(session, breaking),
      finish: () => closeSession(session),
    }),
  );
}

export const lockedHead: Nemesis = {
  ...common,
  name: 'locked-head',
  says: "another session has the head of a book locked, so that its leader's commits wait",
  lastsMs: [2_000, 8_000],
  // Whatever is written in this book waits for it.
  aim: (scene) =>
    intruder(scene, false, async (session) => {
      await session.unsafe('BEGIN; SELECT seq FROM head FOR UPDATE').simple();
    }),
};

export const idleInTransaction: Nemesis = {
  ...common,
  name: 'idle-in-transaction',
  says: 'another session reads a book in a transaction and leaves it open',
  lastsMs: [5_000, 20_000],
  // It holds no lock that anybody waits for: no call may be touched.
  aim: (scene) =>
    intruder(scene, true, async (session) => {
      const sql = 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM journal';
      await session.unsafe(sql).simple();
    }),
};

export const checkpointStorm: Nemesis = {
  ...common,
  name: 'checkpoint-storm',
  says: 'the database of a book writes one checkpoint after the other',
  lastsMs: [3_000, 10_000],
  // Commits compete with it for the disk. So may those of other books on the same machine, but
  // by far less than the time in which a call must be answered.
  aim: (scene) =>
    intruder(scene, false, (session, { goOn, over, pause }) => {
      goOn(async () => {
        while (!over.aborted) {
          await session`CHECKPOINT`;
          await pause(20);
        }
      });
      return Promise.resolve();
    }),
};

export const connectionsExhausted: Nemesis = {
  ...common,
  name: 'connections-exhausted',
  says: 'all connections that the database of a book accepts are taken by other sessions',
  lastsMs: [3_000, 10_000],
  aim: (scene) => {
    const { book, ledgerUrl, processes } = aLeader(scene);
    const sessions: Session[] = [];
    const begin = async () => {
      // As the ledger itself, for what is left at last is kept for superusers.
      while (sessions.length < CONNECTIONS_MOST) {
        const session = openSession(ledgerUrl);
        sessions.push(session);
        try {
          await session`SELECT 1`;
        } catch (error) {
          if (isFull(error)) return;
          throw error;
        }
      }
      throw new Error(`${processes.postgres} accepts ${CONNECTIONS_MOST} connections`);
    };
    const finish = async () => {
      await Promise.all(sessions.map((session) => closeSession(session)));
    };
    // Its ledger server gets no connection that it does not have already.
    const harms = [{ book }];
    return Promise.resolve(
      strikeWith(scene, { targets: [processes.postgres], harms, begin, finish }),
    );
  },
};

/** 53300: too many connections. */
function isFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '53300';
}
