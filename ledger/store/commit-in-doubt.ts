import { type Sql, warningsOf } from './connect.ts';

/**
 * A commit stands in the database that was asked, but perhaps in no other: its wait for a
 * synchronous standby was cut short. Others may see it already, and it may still be lost.
 */
export class CommitInDoubt extends Error {
  override readonly name = 'CommitInDoubt';
}

/**
 * Commits something. The server reports a wait that was cut short in a warning before it
 * reports success. Its text depends on the server's language, and a commit raises no other
 * warning, so any warning means this one.
 *
 * @throws CommitInDoubt
 */
export async function unlessInDoubt<T>(sql: Sql, commit: () => Promise<T>): Promise<T> {
  const before = warningsOf(sql);
  const result = await commit();
  if (warningsOf(sql) !== before) {
    throw new CommitInDoubt('the wait for a second copy of the commit was cut short');
  }
  return result;
}
