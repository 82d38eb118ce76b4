import type { Harm } from '../../judge/history/record.ts';
import { type Copy, profiles } from '../installation/installation.ts';
import { type Breaking, strikeWith } from './breaking.ts';
import { harmsOfPostgres } from './harms.ts';
import type { Nemesis, Scene, Strike } from './nemesis.ts';
import { closeSession, openSession, type Session } from './session.ts';
import { aLeader, always } from './targets.ts';

/** Databases that run but are degraded (N33). */

const common = { place: 'N33', profiles, alone: false, whyNot: always } as const;

/** More than our Postgres accepts. */
const CONNECTIONS_MOST = 80;

const ofBook = (_: Scene, { book }: Copy): Harm[] => [{ book }];
const ofNothing = (): Harm[] => [];

/** Another session in the database of a leader, which is gone at the end. */
function intruder(
  scene: Scene,
  harmsOf: (scene: Scene, leader: Copy) => Harm[],
  intrude: (session: Session, breaking: Breaking) => Promise<void>,
): Promise<Strike> {
  const leader = aLeader(scene);
  const { adminUrl, processes } = leader;
  const session = openSession(adminUrl);
  return Promise.resolve(
    strikeWith(scene, {
      targets: [processes.postgres],
      harms: harmsOf(scene, leader),
      begin: (breaking) => intrude(session, breaking),
      finish: () => closeSession(session),
    }),
  );
}

export const lockedHead: Nemesis = {
  ...common,
  name: 'locked-head',
  description: "another session has the head of a book locked, so that its leader's commits wait",
  lastsMs: [2_000, 8_000],
  // All writes to this book wait for it.
  aim: (scene) =>
    intruder(scene, ofBook, async (session) => {
      await session.unsafe('BEGIN; SELECT seq FROM head FOR UPDATE').simple();
    }),
};

export const idleInTransaction: Nemesis = {
  ...common,
  name: 'idle-in-transaction',
  description: 'another session reads a book in a transaction and leaves it open',
  lastsMs: [5_000, 20_000],
  // It holds no lock that another session waits for: no call may be touched.
  aim: (scene) =>
    intruder(scene, ofNothing, async (session) => {
      const sql = 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM journal';
      await session.unsafe(sql).simple();
    }),
};

export const checkpointStorm: Nemesis = {
  ...common,
  name: 'checkpoint-storm',
  description: 'the database of a book writes checkpoints continuously',
  lastsMs: [3_000, 10_000],
  // Commits compete with it for the disk. So may those of other books on the same machine, but
  // by far less than the time in which a call must be answered.
  aim: (scene) =>
    intruder(scene, harmsOfPostgres, (session, { goOn, over, pause }) => {
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
  description: 'all connections that the database of a book accepts are taken by other sessions',
  lastsMs: [3_000, 10_000],
  aim: (scene) => {
    const leader = aLeader(scene);
    const { ledgerUrl, processes } = leader;
    const sessions: Session[] = [];
    const begin = async () => {
      // Connects as the ledger, for the last connections are reserved for superusers.
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
    // Its ledger servers get no new connection.
    const harms = harmsOfPostgres(scene, leader);
    return Promise.resolve(
      strikeWith(scene, { targets: [processes.postgres], harms, begin, finish }),
    );
  },
};

/** 53300: too many connections. */
function isFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '53300';
}
