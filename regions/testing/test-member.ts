import { ReadLevel } from '../../proto/gen/meridian/v1/position.ts';
import type {
  CreateTransferRequest,
  CreateTransferResponse,
} from '../../proto/gen/meridian/v1/transfer.ts';
import { BookMember } from '../../ledger/member/book-member.ts';
import type { OpenAnswer } from '../../ledger/leader/answers.ts';
import { LedgerError } from '../../ledger/leader/ledger-error.ts';
import type { Logger } from '../../ledger/logger.ts';
import { Leaders } from '../../ledger/rpc/leaders.ts';
import { AccountReads } from '../../ledger/service/account-reads.ts';
import { BOOKS } from '../../ledger/testing/database/leading.ts';
import { openRequest } from '../../ledger/testing/books/book-requests.ts';
import { PostgresDatabase } from '../../ledger/store/postgres/postgres-store.ts';
import { insecureLinks } from '../../ledger/rpc/tls/credentials.ts';

const nothing = () => undefined;

/** A member of the first book in this process, what it logs, and what tests ask of it. */
export class TestMember {
  readonly member: BookMember;
  /** The reasons for standing by that it logged. */
  readonly standingBy: string[] = [];
  readonly warnings: string[] = [];
  readonly accounts: AccountReads;
  readonly #running: Promise<void>;

  /** @param answerMs as in MemberConfig; on a busy machine it may be long until Postgres answers */
  constructor(databaseUrl: string, address = 'a:1', answerMs = 10_000) {
    const [book] = BOOKS;
    const config = {
      book,
      books: BOOKS,
      address,
      database: new PostgresDatabase(databaseUrl, book),
      redisUrl: undefined,
      serverRegion: book.region,
      replicated: true,
      answerMs,
    };
    this.member = new BookMember(config, new Leaders([], insecureLinks), this.#logger());
    this.accounts = new AccountReads(this.member);
    this.#running = this.member.run();
  }

  get leading(): boolean {
    return this.member.leader !== undefined;
  }

  get epoch(): number {
    return this.member.status.epoch;
  }

  /** Rejects with the LedgerError of the work. */
  transfer(...requests: readonly CreateTransferRequest[]): Promise<CreateTransferResponse[]> {
    return new Promise((resolve, reject) => {
      this.#leader(reject)?.submit({
        kind: 'transfers',
        requests,
        startBefore: requests.map(() => Infinity),
        onOutcome: resolve,
        onLate: () => undefined,
        onFailure: reject,
      });
    });
  }

  /** Opens alice and bob, who may be overdrawn without limit. */
  openTwo(): Promise<OpenAnswer[]> {
    return new Promise((resolve, reject) => {
      const requests = [openRequest(), openRequest({ externalId: 'bob' })];
      this.#leader(reject)?.submit({
        kind: 'open',
        requests,
        onOutcome: resolve,
        onFailure: reject,
      });
    });
  }

  /** Reads an account from this member's own replica. */
  stale(id: bigint, minSeq?: bigint) {
    const minPosition = minSeq === undefined ? undefined : { book: 1, epoch: 1n, seq: minSeq };
    const options = { level: ReadLevel.STALE, minPosition };
    return this.accounts.get({ id, asOf: undefined, options });
  }

  async stop(): Promise<void> {
    this.member.stop();
    await this.#running;
  }

  #leader(reject: (failure: LedgerError) => void) {
    const { leader } = this.member;
    if (leader === undefined) reject(new LedgerError('not_leader', 'it does not lead'));
    return leader;
  }

  #logger(): Logger {
    const warn = (message: string, fields: Record<string, unknown> = {}) => {
      if (message === 'standing by') this.standingBy.push(String(fields['why']));
      else this.warnings.push(message);
    };
    return { debug: nothing, info: nothing, warn, error: warn };
  }
}
