import type { ClusterState, MemberState } from './state.ts';

/** Which member of a book is the primary according to Patroni. */

/** A database that takes longer to state its role may have lost it by then. */
const ASK_MS = 1_500;

/** True when Patroni reports that its Postgres is the primary and holds the leader's lease. */
export async function isPrimary({ patroniUrl }: Pick<MemberState, 'patroniUrl'>): Promise<boolean> {
  try {
    const reply = await fetch(`${patroniUrl}/primary`, { signal: AbortSignal.timeout(ASK_MS) });
    await reply.body?.cancel();
    return reply.status === 200;
  } catch {
    return false;
  }
}

/** The primary among the members of one book; undefined while there is none. */
export async function findPrimary<Member extends Pick<MemberState, 'patroniUrl'>>(
  members: readonly Member[],
): Promise<Member | undefined> {
  const answers = await Promise.all(members.map((member) => isPrimary(member)));
  return members.find((_, index) => answers[index]);
}

/**
 * The database of each book as the auditor, at its primary.
 * Throws an Error that names the book that has none.
 */
export async function primaryUrls({ replicated }: ClusterState): Promise<string[]> {
  const books = Map.groupBy(replicated?.members ?? [], ({ bookName }) => bookName);
  return Promise.all(
    [...books].map(async ([name, members]) => {
      const primary = await findPrimary(members);
      if (primary === undefined) {
        throw new Error(`${name} has no primary now; name a copy of each book with --database`);
      }
      return primary.auditorUrl;
    }),
  );
}
