import { expect, onTestFinished, test } from 'vitest';
import { type Account, GetAccountRequest } from '../../proto/gen/meridian/v1/account.ts';
import type { AccountState, Event } from '../../proto/gen/meridian/v1/event.ts';
import { Leg } from '../../proto/gen/meridian/v1/movement.ts';
import { type Position, ReadLevel } from '../../proto/gen/meridian/v1/position.ts';
import {
  GetStatementRequest,
  ListEntriesRequest,
  ListTransfersRequest,
} from '../../proto/gen/meridian/v1/query.ts';
import { GetTransferRequest, type Transfer } from '../../proto/gen/meridian/v1/transfer.ts';
import { accountId } from '../core/account-id.ts';
import { must } from '../core/assert.ts';
import { timestampFrom } from '../core/timestamp.ts';
import { readEvents } from '../store/postgres/read-events.ts';
import { testDatabases } from '../testing/database/database.ts';
import { BOOKS, Leading } from '../testing/database/leading.ts';
import { reasonOf, RpcError } from '../rpc/error.ts';
import { openRequest, transferRequest } from '../testing/books/book-requests.ts';
import { AccountReads } from './account-reads.ts';
import { EntryReads } from './entry-reads.ts';
import { LongReads } from './long-reads.ts';
import { TransferReads } from './transfer-reads.ts';
import { PostgresStore } from '../store/postgres/postgres-store.ts';

const database = testDatabases();
const [BOOK] = BOOKS;
const CONFIG = { book: BOOK, books: [BOOK], address: 'a:1', replicated: false };
const ALICE = accountId(1, 1);
const BOB = accountId(1, 2);
const HOLD = 'the hold';
const GROUP = 'the group';
/** How often each kind of read is made while the writer writes. */
const ROUNDS = 60;

/** What a read returned, in terms of the journal at its position. */
interface Claim {
  readonly what: string;
  readonly position: Position;
  /** States of accounts that the read returned as the newest ones. */
  readonly states: readonly Pick<AccountState, 'accountId' | 'version' | 'balance'>[];
  /** What is left of the hold according to the read. */
  readonly left?: bigint | undefined;
}

const stateOf = ({ id, version, balance }: Account) => ({ accountId: id, version, balance });

const at = (position: Position | undefined) => must(position, 'an answer has a position');

const oneAccount = (what: string, account: Account | undefined, position: Position | undefined) => {
  return { what, states: [stateOf(must(account, what))], position: at(position) };
};
const heldOf = (what: string, position: Position | undefined, hold: Transfer | undefined) => {
  return { what, states: [], position: at(position), left: must(hold, what).left };
};

type Reads = readonly [AccountReads, TransferReads, EntryReads];

/** Every kind of read that has state in its answer. */
function claims([accounts, transfers, entries]: Reads, level: ReadLevel): Promise<Claim>[] {
  const options = { level, minPosition: undefined };
  const one = { id: ALICE, options };
  const key = (value: string) =>
    GetTransferRequest.fromPartial({ by: { $case: 'idempotencyKey', value }, options });
  const page = { accountId: ALICE, options, newestFirst: true, pageSize: 1 };
  const future = timestampFrom(Date.now() * 1_000 + 3_600_000_000);
  return [
    accounts
      .get(GetAccountRequest.fromPartial(one))
      .then(({ account, position }) => oneAccount('get', account, position)),
    accounts
      .get(GetAccountRequest.fromPartial({ ...one, asOf: { $case: 'asOfTime', value: future } }))
      .then(({ account, position }) => oneAccount('get as of', account, position)),
    accounts.getMany({ ids: [ALICE, BOB], options }).then((many) => {
      return {
        what: 'getMany',
        states: many.accounts.map(stateOf),
        position: at(many.positions[0]),
      };
    }),
    transfers
      .get(key(HOLD))
      .then(({ transfer, positions: [position] }) => heldOf('get transfer', position, transfer)),
    transfers
      .getMany({ transfers: [key(HOLD), key(GROUP)], options })
      .then(({ transfers: [hold], positions: [position] }) =>
        heldOf('get transfers', position, hold?.transfer),
      ),
    transfers
      .list(
        ListTransfersRequest.fromPartial({
          scope: { $case: 'accountId', value: ALICE },
          filter: { test: { $case: 'reference', value: HOLD } },
          options,
        }),
      )
      .then(({ transfers: [hold], position }) => heldOf('list transfers', position, hold)),
    entries.list(ListEntriesRequest.fromPartial(page)).then(({ entries: [entry], position }) => {
      const { version, balanceAfter: balance } = must(entry, 'there is an entry');
      const states = [{ accountId: ALICE, version, balance }];
      return { what: 'entries', states, position: at(position) };
    }),
    entries.statement(GetStatementRequest.fromPartial(page)).then(({ closing, position }) => {
      return { what: 'statement', states: [must(closing, 'closing')], position: at(position) };
    }),
    ...(level === ReadLevel.STALE
      ? []
      : [
          accounts
            .find({ externalId: 'alice', homeRegion: '' })
            .then(({ accounts: [account], positions: [position] }) =>
              oneAccount('find', account, position),
            ),
          accounts.list({ homeRegion: '', pageSize: 9, pageToken: '' }).then((list) => {
            return {
              what: 'list',
              states: list.accounts.map(stateOf),
              position: at(list.position),
            };
          }),
        ]),
  ];
}

/** The same, once the leader has acknowledged soon enough what each of them found. */
async function claimsOf(reads: Reads, level: ReadLevel): Promise<Claim[]> {
  for (;;) {
    try {
      return await Promise.all(claims(reads, level));
    } catch (error) {
      if (!(error instanceof RpcError) || reasonOf(error) !== 'BEHIND') throw error;
    }
  }
}

/** What a subscriber from the beginning knows after each event. */
class Replay {
  readonly #states = new Map<bigint, { seq: bigint; state: AccountState }[]>();
  readonly #left: { seq: bigint; left: bigint }[] = [];

  constructor(events: readonly Event[], holdId: string) {
    for (const event of events) {
      const { seq } = must(event.position, 'an event has a position');
      for (const state of [event.debitAccount, event.creditAccount]) {
        if (state === undefined) continue;
        const states = this.#states.get(state.accountId) ?? [];
        states.push({ seq, state });
        this.#states.set(state.accountId, states);
      }
      const ofHold = event.originId === holdId || event.transferId === holdId;
      if (ofHold) this.#left.push({ seq, left: event.originId === '' ? event.amount : event.left });
    }
  }

  /** The same claim, made from the events through its position. */
  agreed({ what, position, states, left }: Claim): Claim {
    const through = <T extends { seq: bigint }>(list: readonly T[] = []) =>
      list.findLast(({ seq }) => seq <= position.seq);
    const known = states.map(({ accountId: id }) => {
      const state = through(this.#states.get(id))?.state;
      return { accountId: id, version: state?.version ?? 0n, balance: state?.balance ?? 0n };
    });
    const held = left === undefined ? undefined : through(this.#left)?.left;
    return { what, position, states: known, left: held };
  }
}

const short = ({ what, position, states, left }: Claim): Claim => ({
  what,
  position,
  states: states.map(({ accountId: id, version, balance }) => ({
    accountId: id,
    version,
    balance,
  })),
  left,
});

/** Transfers, and captures of one hold, one after the other until `enough`. */
async function write(leading: Leading, holdId: string, enough: () => boolean): Promise<void> {
  for (let number = 0; !enough(); number += 1) {
    const capture = { $case: 'capture', value: { holdId, final: false } } as const;
    await leading.transfer([
      transferRequest({
        idempotencyKey: `t-${number}`,
        debitAccountId: BOB,
        creditAccountId: ALICE,
      }),
      transferRequest({
        idempotencyKey: `c-${number}`,
        debitAccountId: ALICE,
        creditAccountId: 0n,
        action: capture,
      }),
    ]);
  }
}

test(
  'what is read is what a subscriber knows who has followed through its position',
  { timeout: 180_000 },
  async () => {
    const opened = await database();
    const leading = await Leading.over(opened);
    onTestFinished(() => leading.stop());
    await leading.open(['alice', 'bob'].map((externalId) => openRequest({ externalId })));
    const hold = { $case: 'hold', value: { timeoutSeconds: 0 } } as const;
    const leg = Leg.fromPartial({ debitAccountId: ALICE, creditAccountId: BOB, amount: 1n });
    const results = await leading.transfer([
      transferRequest({ idempotencyKey: HOLD, reference: HOLD, amount: 1_000_000n, action: hold }),
      transferRequest({
        idempotencyKey: GROUP,
        debitAccountId: 0n,
        creditAccountId: 0n,
        amount: 0n,
        action: { $case: 'group', value: { legs: [leg, leg] } },
      }),
    ]);
    const holdId = must(results[0], 'the hold is answered').transferId;
    const parts = (leader?: Leading['leader']): Reads => {
      const store = new PostgresStore(opened.ledger, BOOK);
      const member = { store, config: CONFIG, leader };
      const longReads = new LongReads(store);
      return [
        new AccountReads(member),
        new TransferReads(member, longReads),
        new EntryReads(member, longReads),
      ];
    };
    const found: Claim[] = [];
    let done = false;
    const writing = write(leading, holdId, () => done);
    try {
      for (let round = 0; round < ROUNDS; round += 1) {
        for (const level of [ReadLevel.LEADER, ReadLevel.LINEARIZABLE]) {
          found.push(...(await claimsOf(parts(leading.leader), level)));
        }
        // A copy, as far as reads look at it: no server leads here.
        found.push(...(await claimsOf(parts(), ReadLevel.STALE)));
      }
    } finally {
      done = true;
      await writing;
    }
    const through = leading.leader.memory.seq;
    const page = { account: null, after: 0, through, limit: through };
    const replay = new Replay(await readEvents(opened.ledger, 1, page), holdId);
    expect(new Set(found.map(({ position }) => position.seq)).size).toBeGreaterThan(ROUNDS / 2);
    const lefts = found.flatMap(({ left }) => (left === undefined ? [] : [left]));
    expect(new Set(lefts).size).toBeGreaterThan(ROUNDS / 2);
    const wrong = found.map(short).filter((claim) => !same(claim, replay.agreed(claim)));
    expect(wrong.map((claim) => [claim, replay.agreed(claim)])).toEqual([]);
  },
);

const text = (claim: Claim) =>
  JSON.stringify(claim, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
const same = (one: Claim, other: Claim) => text(one) === text(other);
