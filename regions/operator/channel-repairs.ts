import { randomUUID } from 'node:crypto';
import { Metadata } from '@grpc/grpc-js';
import { connect, type Sql } from '../../ledger/store/postgres/connect.ts';
import { readEpoch } from '../../ledger/store/postgres/head.ts';
import { recordOperation } from '../../ledger/store/postgres/operations.ts';
import {
  BookServiceClient,
  type NumberedLeg,
  type RepairChannelReply,
  type RepairChannelRequest,
  type ReservedHold,
} from '../../proto/gen/meridian/internal/v1/book.ts';
import { reasonToJSON } from '../../proto/gen/meridian/v1/reason.ts';
import type { ClusterState } from '../topology/state.ts';
import { findPrimary } from '../topology/primary.ts';
import { askLedger } from './ask-ledger.ts';
import { UnknownNameError } from './change-plan.ts';
import { QUESTION_MS, within } from './within.ts';
import { channelTo } from '../links/known-links.ts';

/** A repair reads and books all lost rows. */
const REPAIR_MS = 10 * 60_000;

/** One direction between two books. */
export interface ChannelState {
  readonly from: string;
  readonly to: string;
  /** Last number given to a leg. */
  readonly sent: number;
  /** The payer's book has the answers up to this number. */
  readonly settled: number;
  /** The payee's book has answered up to this number; undefined: it cannot be read. */
  readonly applied: number | undefined;
}

/** A channel that a book has halted. */
export interface Diverged {
  readonly state: 'CHANNEL_DIVERGED';
  /** Name of the book that has halted its channel, and of the other end. */
  readonly book: string;
  readonly peer: string;
  /** The book that has lost rows: it posts nothing until it is repaired. */
  readonly lost: string;
  readonly number: number;
  readonly why: string;
}

export interface ChannelStates {
  readonly channels: readonly ChannelState[];
  readonly diverged: readonly Diverged[];
  /** Names of the books whose database does not answer. */
  readonly unread: readonly string[];
}

/** A leg of a repair, in the form shown to people. */
export interface ListedLeg {
  readonly number: number;
  readonly transferId: string;
  readonly debitAccountId: bigint;
  readonly creditAccountId: bigint;
  readonly amount: bigint;
  readonly asset: string;
  /** When the book that has it decided it, as ISO 8601. */
  readonly at: string;
  readonly reference: string;
  /** Hold that it captured; '': none, or that is not known. */
  readonly holdId: string;
  /** `applied`, or why the payee's book refused it. */
  readonly result: string;
}

/** What a book has lost of one of its channels. */
export interface ChannelLoss {
  readonly book: string;
  readonly peer: string;
  readonly lostSent: readonly ListedLeg[];
  readonly undone: readonly ListedLeg[];
  readonly lostArrived: readonly ListedLeg[];
  /** Holds that lost legs captured and that stay reserved until they are released. */
  readonly reserved: readonly ReservedHold[];
  readonly repaired: boolean;
}

interface BookPlace {
  readonly number: number;
  readonly name: string;
  readonly ledgers: readonly string[];
  /** Of the database that is written to, as its owner. */
  readonly adminUrl: () => Promise<string>;
}

/** The channels of an installation of either profile, and how a book that has lost rows is repaired. */
export class Channels {
  readonly #books: readonly BookPlace[];

  constructor(state: ClusterState) {
    this.#books = placesOf(state);
  }

  /** Returns the state of all channels. Never throws. */
  async states(): Promise<ChannelStates> {
    const all = await Promise.all(
      this.#books.map(async (book) => ({ book, rows: await readChannelRows(book) })),
    );
    const name = (number: number) =>
      this.#books.find((book) => book.number === number)?.name ?? String(number);
    const channels = all.flatMap(({ book, rows }) =>
      (rows ?? []).map((row): ChannelState => {
        const there = all.find((other) => other.book.number === row.peer_book)?.rows;
        const back = there?.find(({ peer_book: peer }) => peer === book.number);
        const { sent, settled } = row;
        const applied = there === undefined ? undefined : Number(back?.applied ?? 0);
        return {
          from: book.name,
          to: name(row.peer_book),
          sent: Number(sent),
          settled: Number(settled),
          applied,
        };
      }),
    );
    const diverged = all.flatMap(({ book, rows }) =>
      (rows ?? []).flatMap((row): Diverged[] => {
        if (row.diverged_book === null) return [];
        return [
          {
            state: 'CHANNEL_DIVERGED',
            book: book.name,
            peer: name(row.peer_book),
            lost: name(row.diverged_book),
            number: Number(row.diverged_number),
            why: row.diverged_why ?? '',
          },
        ];
      }),
    );
    const unread = all.flatMap(({ book, rows }) => (rows === undefined ? [book.name] : []));
    return { channels, diverged, unread };
  }

  /**
   * Lists what a book has lost of its channels, or books it.
   * @param decision undefined: only list
   * @throws UnknownNameError, and Error if the book or its peer is not led
   */
  async repair(
    nameOrNumber: string,
    decision: { readonly by: string; readonly why: string } | undefined,
  ): Promise<ChannelLoss[]> {
    const book = this.#find(nameOrNumber);
    const { diverged } = await this.states();
    const own = diverged.filter(({ book: at, lost }) => at === book.name && lost === book.name);
    if (own.length === 0) return [];
    const address = await leaderOf(book);
    if (decision !== undefined) await record(book, decision, own);
    const losses: ChannelLoss[] = [];
    for (const { peer } of own) {
      const { by, why } = decision ?? { by: '', why: '' };
      const confirmed = decision !== undefined;
      const peerBook = this.#find(peer).number;
      const reply = await callRepair(address, { peerBook, confirmed, by, why });
      losses.push({
        book: book.name,
        peer,
        lostSent: reply.lostSent.map(listed),
        undone: reply.undone.map(listed),
        lostArrived: reply.lostArrived.map(listed),
        reserved: reply.reserved,
        repaired: reply.repaired,
      });
    }
    return losses;
  }

  #find(nameOrNumber: string): BookPlace {
    const found = this.#books.find(
      ({ name, number }) => name === nameOrNumber || String(number) === nameOrNumber,
    );
    if (found !== undefined) return found;
    const names = this.#books.map(({ name }) => name).join(', ');
    throw new UnknownNameError(`there is no book "${nameOrNumber}"; there are ${names}`);
  }
}

function placesOf({ books, replicated }: ClusterState): BookPlace[] {
  if (replicated === undefined) {
    return books.map(({ number, name, ledgerAddress, adminUrl }) => ({
      number,
      name,
      ledgers: [ledgerAddress],
      adminUrl: () => Promise.resolve(adminUrl),
    }));
  }
  const members = Map.groupBy(replicated.members, ({ book }) => book);
  return [...members].map(([number, own]) => ({
    number,
    name: own[0]?.bookName ?? String(number),
    ledgers: own.map(({ ledgerAddress }) => ledgerAddress),
    adminUrl: async () => {
      const primary = await findPrimary(own);
      if (primary === undefined) throw new Error(`${own[0]?.bookName ?? ''} has no primary now`);
      return primary.adminUrl;
    },
  }));
}

interface Row {
  peer_book: number;
  sent: bigint;
  settled: bigint;
  applied: bigint;
  diverged_book: number | null;
  diverged_number: bigint | null;
  diverged_why: string | null;
}

/** Undefined: the book cannot be read. */
async function readChannelRows(book: BookPlace): Promise<readonly Row[] | undefined> {
  try {
    const reading = withDatabase(
      book,
      (sql) => sql<Row[]>`
        SELECT peer_book, sent, settled, applied, diverged_book, diverged_number, diverged_why
          FROM channel ORDER BY peer_book`,
    );
    return await within(QUESTION_MS, reading);
  } catch {
    return undefined;
  }
}

async function withDatabase<T>(book: BookPlace, work: (sql: Sql) => Promise<T>): Promise<T> {
  const sql = connect(await book.adminUrl(), 1);
  try {
    return await work(sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

async function record(
  book: BookPlace,
  { by: who, why }: { readonly by: string; readonly why: string },
  diverged: readonly Diverged[],
): Promise<void> {
  await withDatabase(book, async (sql) => {
    const { epoch } = await readEpoch(sql);
    const details = { subject: book.name, channels: diverged };
    const id = randomUUID();
    await recordOperation(sql, {
      id,
      atMicros: Date.now() * 1_000,
      kind: 'repair',
      who,
      why,
      details,
      epoch,
    });
  });
}

async function leaderOf({ name, ledgers }: BookPlace): Promise<string> {
  const answers = await Promise.all(
    ledgers.map(async (address) => {
      const facts = await askLedger(address).catch(() => undefined);
      return facts?.leading === true ? { address, epoch: facts.epoch } : undefined;
    }),
  );
  const [leader] = answers
    .filter((answer) => answer !== undefined)
    .toSorted((a, b) => b.epoch - a.epoch);
  if (leader === undefined) throw new Error(`${name} has no leader that answers`);
  return leader.address;
}

function callRepair(address: string, request: RepairChannelRequest): Promise<RepairChannelReply> {
  const client = new BookServiceClient(address, channelTo(address, 'ledger'), {
    'grpc.max_receive_message_length': -1,
  });
  return new Promise((resolve, reject) => {
    const options = { deadline: Date.now() + REPAIR_MS };
    client.repairChannel(request, new Metadata(), options, (error, reply) => {
      client.close();
      if (error === null) resolve(reply);
      else reject(new Error(error.details, { cause: error }));
    });
  });
}

function listed({ number, leg, reason, atMicros, capture }: NumberedLeg): ListedLeg {
  return {
    number: Number(number),
    transferId: leg?.transferId ?? '',
    debitAccountId: leg?.debitAccountId ?? 0n,
    creditAccountId: leg?.creditAccountId ?? 0n,
    amount: leg?.amount ?? 0n,
    asset: leg?.asset ?? '',
    at: new Date(Number(atMicros / 1_000n)).toISOString(),
    reference: leg?.reference ?? '',
    holdId: capture?.holdId ?? '',
    result: reason === 0 ? 'applied' : reasonToJSON(reason).replace('REASON_', ''),
  };
}
