import { setImmediate as turn } from 'node:timers/promises';
import type { BookMember } from '../member/book-member.ts';
import { aborted } from '../rpc/error.ts';

/**
 * Reads, and answers only if the same leader still leads the book afterwards. A commit whose wait
 * for a second region was cut short can be read from then on; the leader is notified before any
 * client can read it, and steps down.
 */
export async function whileLeading<Response>(
  member: Pick<BookMember, 'leader'>,
  read: () => Promise<Response>,
): Promise<Response> {
  const { leader } = member;
  const response = await read();
  if (leader === undefined) return response;
  // What has arrived on other connections by now is processed first.
  await turn();
  if (member.leader !== leader) throw aborted('this server has stepped down', 100);
  return response;
}
