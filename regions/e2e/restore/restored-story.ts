import { Metadata } from '@grpc/grpc-js';
import type { TestContext } from 'vitest';
import { connect } from '../../../ledger/store/postgres/connect.ts';
import type { RepairChannelReply } from '../../../proto/gen/meridian/internal/v1/book.ts';
import {
  type TransferStatus,
  transferStatusToJSON,
} from '../../../proto/gen/meridian/v1/transfer.ts';
import { runAudit } from '../../../ledger/audit/run-audit.ts';
import { Api, ApiError } from '../../testing/api-client.ts';
import { RestorableBooks } from './restorable-books.ts';

export const DIVERGED = 'UNAVAILABLE CHANNEL_DIVERGED';

export const nameOf = (status: TransferStatus) =>
  transferStatusToJSON(status).replace('TRANSFER_STATUS_', '');

export const listed = (legs: RepairChannelReply['lostSent']) =>
  legs.map(({ leg }) => leg?.transferId);

/** Two books with two accounts each, and what tests ask of them. */
export class RestoredStory {
  readonly books: RestorableBooks;
  readonly api: Api;
  alice = 0n;
  amy = 0n;
  bob = 0n;
  ben = 0n;
  carl = 0n;

  readonly #expect: TestContext['expect'];

  private constructor(books: RestorableBooks, expect: TestContext['expect']) {
    this.books = books;
    this.#expect = expect;
    this.api = new Api(books.routerAddress);
  }

  static async begin({ expect, onTestFinished }: TestContext, count = 2): Promise<RestoredStory> {
    const story = new RestoredStory(await RestorableBooks.start(count), expect);
    const { api, books } = story;
    onTestFinished(async () => {
      api.close();
      await books.stop();
    });
    story.alice = await api.account('alice');
    story.amy = await api.account('amy');
    story.bob = await api.account('bob', { homeRegion: 'us-east' });
    story.ben = await api.account('ben', { homeRegion: 'us-east' });
    if (count > 2) story.carl = await api.account('carl', { homeRegion: 'ap-south' });
    return story;
  }

  readonly pay = (
    idempotencyKey: string,
    debitAccountId: bigint,
    creditAccountId: bigint,
    amount = 5n,
  ) => this.api.transfer({ idempotencyKey, debitAccountId, creditAccountId, amount });

  /** Reason of the error with which a call fails; otherwise the status of its transfer. */
  readonly cameTo = async (paying: ReturnType<typeof this.pay>): Promise<string> => {
    try {
      return nameOf((await paying).status);
    } catch (error) {
      if (error instanceof ApiError) return `${error.code} ${error.reason}`;
      throw error;
    }
  };

  /** The channel table of a book. */
  readonly channelOf = async (number: number) => {
    const sql = connect(this.books.url(number), 1);
    const [row] = await sql`SELECT * FROM channel`;
    await sql.end();
    return row;
  };

  /** The numbers up to which a book has hashed what it sent and what arrived. */
  readonly hashed = async (number: number) => {
    const channel = await this.channelOf(number);
    return [channel?.['settled_hashed'], channel?.['applied_hashed']].map(Number);
  };

  readonly lostBy = async (number: number) =>
    (await this.channelOf(number))?.['diverged_book'] ?? null;

  /** By the peers of a book: which book has lost rows; channels that are in order are left out. */
  readonly divergedOf = async (number: number) => {
    const sql = connect(this.books.url(number), 1);
    const rows = await sql<{ peer_book: number; diverged_book: number }[]>`
      SELECT peer_book, diverged_book FROM channel WHERE diverged_book IS NOT NULL`;
    await sql.end();
    return Object.fromEntries(rows.map((row) => [row.peer_book, row.diverged_book]));
  };

  readonly bothSay = (lost: number | null) =>
    this.#expect
      .poll(async () => [await this.lostBy(1), await this.lostBy(2)])
      .toEqual([lost, lost]);

  readonly repair = (
    number: number,
    confirmed: boolean,
    peerBook = 3 - number,
  ): Promise<RepairChannelReply> => {
    const client = this.books.client(number);
    const request = { peerBook, confirmed, by: 'tester', why: 'OPS-1' };
    return new Promise((resolve, reject) => {
      const options = { deadline: Date.now() + 10_000 };
      client.repairChannel(request, new Metadata(), options, (error, reply) => {
        client.close();
        if (error === null) resolve(reply);
        else reject(new ApiError(error));
      });
    });
  };

  readonly ids = (...keys: string[]) =>
    Promise.all(keys.map(async (key) => (await this.api.whatBecameOf(key)).transfer?.transferId));

  readonly balanceOf = async (id: bigint) => {
    const request = { id, asOf: undefined, options: undefined };
    const { account } = await this.api.call<{ account: { balance: bigint } | undefined }>(
      (stub, ...rest) => stub.getAccount(request, ...rest),
    );
    return account?.balance;
  };

  /** Both books balance and agree, and money goes both ways again. */
  readonly allIsWell = async (): Promise<void> => {
    await this.bothSay(null);
    const statuses = [
      await this.cameTo(this.pay('again-1', this.alice, this.bob)),
      await this.cameTo(this.pay('again-2', this.bob, this.alice)),
    ];
    this.#expect(statuses).toEqual(['POSTED', 'POSTED']);
    const report = await runAudit({ urls: this.books.urls, onProgress: () => undefined });
    this.#expect(report.violations).toEqual([]);
    this.#expect(report.notes).toEqual([]);
    const [here, there] = [await this.channelOf(1), await this.channelOf(2)];
    this.#expect(here?.['settled_hash']).toEqual(there?.['applied_hash']);
    this.#expect(there?.['settled_hash']).toEqual(here?.['applied_hash']);
  };
}
