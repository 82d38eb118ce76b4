import { status } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import type { BookMember } from '../member/book-member.ts';
import { Leaders } from '../rpc/leaders.ts';
import { insecureLinks } from '../rpc/tls/credentials.ts';
import { BOOKS, SILENT } from '../testing/database/leading.ts';
import { repairChannel } from './repair-channel.ts';

const request = { peerBook: 2, confirmed: true, by: 'jane', why: 'a test' };

test('a book is repaired once at a time, also when a caller has gone', async () => {
  const refusals: ((error: Error) => void)[] = [];
  const leader = {
    proveLeading: () =>
      new Promise<void>((_, reject) => {
        refusals.push(reject);
      }),
  };
  const member: BookMember = Object.assign(Object.create(null), {
    config: { book: BOOKS[0] },
    leader,
  });
  const leaders = new Leaders([], insecureLinks);
  const first = repairChannel(member, leaders, SILENT, request);
  const second = repairChannel(member, leaders, SILENT, request);
  await expect(second).rejects.toMatchObject({ code: status.ABORTED });
  refusals[0]?.(new Error('it is over'));
  await expect(first).rejects.toThrow('it is over');
  const third = repairChannel(member, leaders, SILENT, request);
  refusals[1]?.(new Error('it is over again'));
  await expect(third).rejects.toThrow('it is over again');
  leaders.close();
});
