import { expect, onTestFinished } from 'vitest';
import type {
  CreateTransferRequest,
  CreateTransferResponse,
} from '../../../proto/gen/meridian/v1/transfer.ts';
import { must } from '../../core/assert.ts';
import type { BookLeader } from '../../leader/book-leader.ts';
import type { Logger } from '../../logger.ts';
import { BookMember } from '../../member/book-member.ts';
import { Leaders } from '../../rpc/leaders.ts';
import { insecureLinks } from '../../rpc/tls/credentials.ts';
import { PostgresDatabase } from '../../store/postgres/postgres-store.ts';
import { openRequest, transferRequest } from '../books/book-requests.ts';
import type { TestDatabase } from './database.ts';
import { BOOKS, SILENT } from './leading.ts';

/** The address under which it leads. */
export const MEMBER_ADDRESS = '127.0.0.1:1';

const [BOOK] = BOOKS;
const WAIT = { timeout: 20_000, interval: 20 };

export interface LeadingMember {
  readonly member: BookMember;
  readonly leader: BookLeader;
  /** Posts a transfer from alice to bob. */
  readonly post: (fields?: Partial<CreateTransferRequest>) => Promise<CreateTransferResponse>;
  /** Ends it; a test that does not call this has it ended at its own end. */
  readonly stop: () => Promise<void>;
}

/** A member of the first of BOOKS, alone with the database. It is ended with the test. */
export function startMember({ ledgerUrl }: TestDatabase, log: Logger = SILENT) {
  const leaders = new Leaders([], insecureLinks);
  const config = {
    book: BOOK,
    books: BOOKS,
    address: MEMBER_ADDRESS,
    database: new PostgresDatabase(ledgerUrl, BOOK),
    redisUrl: undefined,
    replicated: false,
    serverRegion: 'eu-west',
  };
  const member = new BookMember(config, leaders, log);
  const running = member.run();
  const stop = async () => {
    member.stop();
    await running;
    leaders.close();
  };
  onTestFinished(stop);
  return { member, stop };
}

/** The same, once it leads. */
export async function leadingMember(opened: TestDatabase, log?: Logger): Promise<LeadingMember> {
  const { member, stop } = startMember(opened, log);
  await expect.poll(() => member.leader, WAIT).toBeDefined();
  const leader = must(member.leader, 'it leads');
  return { member, leader, post: (fields) => post(leader, fields), stop };
}

/** Opens the accounts alice and bob. */
export async function openAliceAndBob({ leader }: LeadingMember): Promise<void> {
  await new Promise((resolve, reject) => {
    const requests = ['alice', 'bob'].map((externalId) => openRequest({ externalId }));
    leader.submit({ kind: 'open', requests, onOutcome: resolve, onFailure: reject });
  });
}

function post(
  leader: BookLeader,
  fields: Partial<CreateTransferRequest> = {},
): Promise<CreateTransferResponse> {
  return new Promise((resolve, reject) => {
    leader.submit({
      kind: 'transfers',
      requests: [transferRequest(fields)],
      startBefore: [Infinity],
      onOutcome: ([result]) => resolve(must(result, 'one request has one result')),
      onLate: () => undefined,
      onFailure: reject,
    });
  });
}
