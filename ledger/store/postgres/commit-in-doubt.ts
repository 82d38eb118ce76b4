import { CommitInDoubt } from '../store-error.ts';
import { type Sql, warningsOf } from './connect.ts';

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
