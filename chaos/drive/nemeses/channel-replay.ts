import { RowKind } from '../../../ledger/core/journal-row.ts';
import { booksOf, type Installation, profiles } from '../installation/installation.ts';
import { type Breaking, strikeWith } from './breaking.ts';
import type { Nemesis } from './nemesis.ts';
import { once, type Session } from './session.ts';
import { aLeader, always, leaderOf, ownRandom, shuffled } from './targets.ts';

/** Legs between books that are sent again, and servers that die while legs are on their way (N20). */

/** Maximum number of legs that are sent again, for each channel. */
const LEGS_MOST = 50;

export const channelReplay: Nemesis = {
  name: 'channel-replay',
  place: 'N20',
  description:
    "a book's leader is killed, its record of the answers of other books is set back by " +
    'some legs, and it sends them again',
  profiles,
  lastsMs: [1_000, 5_000],
  alone: false,
  whyNot: always,
  aim: (scene) => {
    const { book, adminUrl, processes } = aLeader(scene);
    const { ledger } = processes;
    const back = 1 + scene.random.below(LEGS_MOST);
    const begin = async ({ faults }: Breaking) => {
      // The server must be down, or it would overwrite the change.
      await faults.stop(ledger);
      const legs = await once(adminUrl, (session) => setBack(session, back));
      scene.report(`${legs} legs of book ${book} are sent again`);
      await faults.start(ledger);
    };
    // Its ledger server is down, so this book has no leader. The others receive legs that they
    // have already, which does not affect them.
    const harms = [{ book }];
    return Promise.resolve(strikeWith(scene, { targets: [ledger], harms, begin }));
  },
};

/**
 * Sets every channel back by up to `legs` legs; returns the total number. Never beyond a leg that
 * was refused, or a final capture that was applied: the transaction that records either also
 * returns or frees the money, so no replay can come between the two. The hash of settled legs
 * starts again, like that of a channel from before there were hashes.
 */
async function setBack(session: Session, legs: number): Promise<number> {
  // Without the trigger by which a database refuses this.
  await session`SET session_replication_role = replica`;
  const [row] = await session<{ count: number }[]>`
    WITH before AS (
      SELECT c.peer_book, c.settled,
             GREATEST(c.settled - ${legs}, 0, COALESCE((
               SELECT max(leg.channel_number)
                 FROM journal back JOIN journal leg ON leg.id = back.origin_id
                WHERE back.kind IN (${RowKind.return}, ${RowKind.rest})
                  AND leg.peer_book = c.peer_book), 0)) AS target
        FROM channel c
    ), moved AS (
      UPDATE channel c
         SET settled = before.target, settled_hashed = 0, settled_hash = decode(repeat('00', 32), 'hex')
        FROM before WHERE before.peer_book = c.peer_book AND before.target < c.settled
      RETURNING before.settled - before.target AS legs
    )
    SELECT COALESCE(sum(legs), 0)::int AS count FROM moved`;
  return row?.count ?? 0;
}

function whyNoChannel(installation: Installation): Promise<string> {
  return Promise.resolve(booksOf(installation).length > 1 ? '' : 'it has only one book');
}

export const settlementKill: Nemesis = {
  name: 'settlement-kill',
  place: 'N20',
  description:
    "while legs are on their way from one book to another, the ledger server of the payer's or " +
    "of the payee's book is killed, more than once",
  profiles,
  lastsMs: [3_000, 8_000],
  alone: false,
  whyNot: whyNoChannel,
  aim: (scene) => {
    const books = booksOf(scene.installation).map(({ number }) => number);
    const [origin, peer] = shuffled(scene.random, books).map((book) => leaderOf(scene, book));
    if (origin === undefined || peer === undefined) throw new Error('there is only one book');
    const random = ownRandom(scene.random);
    const { book, processes } = random.chance(0.5) ? origin : peer;
    const { ledger } = processes;
    const strikeOnce = async (breaking: Breaking) => {
      await once(origin.adminUrl, (session) => untilUnderWay(session, peer.book, breaking));
      await breaking.faults.signal(ledger, 'SIGKILL');
    };
    const begin = (breaking: Breaking) => {
      breaking.goOn(async () => {
        while (!breaking.over.aborted) {
          // A server that is not back yet cannot be killed, nor a database that is down be queried.
          await strikeOnce(breaking).catch(() => undefined);
          await breaking.pause(random.between(500, 2_500));
        }
      });
      return Promise.resolve();
    };
    // Money of the other book waits in transit meanwhile; callers who wait for it call a book
    // that has been named too, as payer or as payee.
    const harms = [{ book }];
    return Promise.resolve(strikeWith(scene, { targets: [ledger], harms, begin }));
  },
};

/** Waits until a leg is under way, for at most two seconds. */
async function untilUnderWay(session: Session, peer: number, { pause }: Breaking): Promise<void> {
  const until = performance.now() + 2_000;
  while (performance.now() < until) {
    const open = await session`SELECT 1 FROM channel WHERE peer_book = ${peer} AND sent > settled`;
    if (open.length > 0) return;
    await pause(5);
  }
}
