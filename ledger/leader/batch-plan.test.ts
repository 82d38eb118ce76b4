import { expect, test, vi } from 'vitest';
import {
  ChangeAccountRequest,
  type OpenAccountRequest,
} from '../../proto/gen/meridian/v1/account.ts';
import { RegisterAssetRequest } from '../../proto/gen/meridian/v1/asset.ts';
import { Reason } from '../../proto/gen/meridian/v1/reason.ts';
import {
  type CreateTransferRequest,
  type CreateTransferResponse,
  TransferStatus,
} from '../../proto/gen/meridian/v1/transfer.ts';
import { newAccount } from '../core/account.ts';
import { accountId } from '../core/account-id.ts';
import type { Outcome, TransferOutcome } from '../core/post/command.ts';
import { transferIdOf } from '../core/transfer-id.ts';
import { openRequest, transferRequest } from '../testing/books/book-requests.ts';
import type { BatchStamp, OpenAnswer } from './answers.ts';
import { BatchPlan } from './batch-plan.ts';
import { needsOf } from '../core/post/post.ts';
import { SettlementWaiters } from './settlement-waiters.ts';
import type { CommandWork, OpenWork, TransferWork, Work } from './work.ts';

const NOW = 1_000;
const nothing = () => undefined;
const STAMP: BatchStamp = {
  book: { number: 1, name: 'eu-west-1', region: 'eu-west' },
  epoch: 3,
  atMicros: 1_000_000,
  decidedAt: { seconds: 1n, nanos: 0 },
};
const AT = STAMP.decidedAt;
const NONE = { minBalance: null, maxBalance: null };

function transfers(
  requests: Partial<CreateTransferRequest>[],
  startBefore = Infinity,
): TransferWork {
  return {
    kind: 'transfers',
    requests: requests.map(transferRequest),
    startBefore: requests.map(() => startBefore),
    onOutcome: nothing,
    onLate: nothing,
    onFailure: nothing,
  };
}

function opening(requests: Partial<OpenAccountRequest>[]): OpenWork {
  return {
    kind: 'open',
    requests: requests.map(openRequest),
    onOutcome: nothing,
    onFailure: nothing,
  };
}

const outcome = (seq: number, fields: Partial<TransferOutcome> = {}): TransferOutcome => ({
  kind: 'transfer',
  reason: Reason.UNSPECIFIED,
  seq,
  channel: null,
  details: null,
  ...fields,
});

/** Answers every command of the plan in turn, and gives what the works are called back with. */
function answered(plan: BatchPlan, outcomes: Partial<TransferOutcome>[] = []) {
  const made = plan.commands().map((command, index): Outcome => {
    const seq = index + 1;
    if (command.kind !== 'open') return outcome(seq, outcomes[index]);
    const account = newAccount(accountId(1, seq), 'EUR', NONE);
    return { kind: 'open', account, scale: 2, reason: 0, seq };
  });
  plan.answer(made, STAMP);
  const { items } = plan.parts.transfers;
  const openings: OpenAnswer[] = [];
  for (const work of plan.works) {
    if (work.kind === 'open')
      vi.spyOn(work, 'onOutcome').mockImplementation((given) => openings.push(...given));
  }
  plan.parts.open.publish();
  return { items, transfers: items.map(({ answer }) => answer?.response), openings };
}

test('a key that occurs several times in a batch is one command, whichever caller asks', () => {
  const upper = '0193A1B2-C3D4-7E5F-8A6B-7C8D9E0F1A2B';
  const plan = new BatchPlan(
    [
      transfers([{ idempotencyKey: 'a' }, { idempotencyKey: upper }, { idempotencyKey: 'a' }]),
      transfers([
        { idempotencyKey: 'a', wait: 2 },
        { idempotencyKey: upper.toLowerCase() },
        { idempotencyKey: 'a', namespace: 'other' },
      ]),
    ],
    NOW,
  );
  expect(plan.commands()).toHaveLength(3);
  const replies = answered(plan).transfers;
  expect(replies.map((reply) => reply?.replayed)).toEqual([false, false, true, true, true, false]);
  expect(replies.map((reply) => reply?.position?.seq)).toEqual([1n, 2n, 1n, 1n, 2n, 3n]);
  expect(replies.every((reply) => reply?.status === TransferStatus.POSTED)).toBe(true);
});

test('a repeat that differs is refused by the name of the first field that does', () => {
  const changes: [Partial<CreateTransferRequest>, string][] = [
    [{ debitAccountId: accountId(1, 8), amount: 2n }, 'debit_account_id'],
    [{ creditAccountId: accountId(1, 8), code: 2 }, 'credit_account_id'],
    [{ amount: 2n, metadata: { a: '' } }, 'amount'],
    [{ asset: 'EUR', reference: 'x' }, 'asset'],
    [{ code: 1, reference: 'x' }, 'code'],
    [{ reference: 'x', metadata: { a: '' } }, 'reference'],
    [{ metadata: { a: '' } }, 'metadata'],
  ];
  const plan = new BatchPlan([transfers([{}, ...changes.map(([fields]) => fields)])], NOW);
  expect(plan.commands()).toHaveLength(1);
  const [first, ...others] = answered(plan).transfers;
  for (const [index, [, differingField]] of changes.entries()) {
    const expected: CreateTransferResponse = {
      transferId: transferIdOf('', 'key-1'),
      status: TransferStatus.REJECTED,
      reason: Reason.IDEMPOTENCY_KEY_REUSED,
      differingField,
      replayed: false,
      position: first?.position,
      decidedAt: AT,
      actualAmount: 0n,
      expiresAt: undefined,
      group: undefined,
      dryRun: false,
    };
    expect(others[index]).toEqual(expected);
  }
});

test('a repeat of what is in transit waits for the same leg', () => {
  const plan = new BatchPlan([transfers([{}, {}])], NOW);
  const channel = { peerBook: 2, number: 5 };
  const { transfers: replies, items } = answered(plan, [{ channel }]);
  expect(replies.map((reply) => reply?.status)).toEqual([
    TransferStatus.IN_TRANSIT,
    TransferStatus.IN_TRANSIT,
  ]);
  expect(items.map(({ answer }) => answer?.channel)).toEqual([channel, channel]);
});

test('a transfer whose caller no longer waits is not begun, and its answer states that', () => {
  const late = transfers([{ idempotencyKey: 'late' }], NOW - 1);
  const plan = new BatchPlan([late, transfers([{ idempotencyKey: 'now' }], NOW)], NOW);
  const commands = plan.commands();
  expect(commands).toMatchObject([{ kind: 'transfer', id: transferIdOf('', 'now') }]);
  const [reply] = answered(plan).transfers;
  expect(reply).toMatchObject({ status: TransferStatus.UNSPECIFIED, replayed: false });
});

test('an external id that occurs several times is opened once', () => {
  const plan = new BatchPlan(
    [
      opening([{}, { externalId: 'bob' }, {}]),
      opening([{ asset: 'USD' }, { metadata: { a: '' } }]),
    ],
    NOW,
  );
  expect(plan.commands()).toHaveLength(2);
  const replies = answered(plan).openings;
  expect(replies.map(openingOf)).toEqual([
    [accountId(1, 1), false, ''],
    [accountId(1, 2), false, ''],
    [accountId(1, 1), true, ''],
    [undefined, false, 'asset'],
    [undefined, false, 'metadata'],
  ]);
});

const openingOf = (reply: OpenAnswer) => [reply.account?.id, reply.replayed, reply.differingField];

test('what brings or frees money is posted before what spends it, whatever arrives first', () => {
  const callbacks = { onOutcome: nothing, onFailure: nothing };
  const swept = { expiresAtMicros: 1, seq: 1 };
  const expire = { kind: 'expire', holds: [], swept, seen: { seq: 1, atMicros: 1 } } as const;
  const close = { kind: 'close', peerBook: 2, through: 1, refused: [], finals: [] } as const;
  const request = RegisterAssetRequest.fromPartial({ asset: 'GOLD' });
  const works: Work[] = [
    transfers([{}]),
    { kind: 'proof', ...callbacks },
    { kind: 'command', command: expire, ...callbacks },
    { kind: 'change', request: ChangeAccountRequest.fromPartial({}), ...callbacks },
    { kind: 'command', command: close, ...callbacks },
    opening([{}]),
    { kind: 'asset', request, ...callbacks },
  ];
  const kinds = new BatchPlan(works, NOW).commands().map(({ kind }) => kind);
  expect(kinds).toEqual(['asset', 'open', 'change', 'expire', 'close', 'transfer']);
});

test('the ids of transfers are those that the work has brought', () => {
  const plan = new BatchPlan([{ ...transfers([{}]), ids: ['made on arrival'] }], NOW);
  expect(plan.commands()).toMatchObject([{ kind: 'transfer', id: 'made on arrival' }]);
});

test('what is closed in a batch is published last: a caller of the same batch waits for it', () => {
  const events: unknown[] = [];
  const channel = { peerBook: 2, number: 5 };
  const sent: TransferWork = {
    ...transfers([{}]),
    onOutcome: (results) => events.push(['answer', results.map(({ status }) => status)]),
    onLate: (results) => events.push(['late', results.map(({ result }) => result.status)]),
  };
  const close: CommandWork = {
    kind: 'command',
    command: { kind: 'close', peerBook: 2, through: 5, refused: [], finals: [] },
    onOutcome: () => events.push('closed'),
    onFailure: nothing,
  };
  const plan = new BatchPlan([close, sent], NOW);
  expect(plan.commands().map(({ kind }) => kind)).toEqual(['close', 'transfer']);
  plan.answer([{ kind: 'close', settledThrough: 5 }, outcome(1, { channel })], STAMP);
  const peers = new Set<number>();
  plan.publish({
    channelName: String,
    waiters: new SettlementWaiters(),
    answerOvertaken: () => events.push('overtaken'),
    peers,
    last: [],
  });
  expect(events).toEqual([
    ['answer', [TransferStatus.IN_TRANSIT]],
    'closed',
    ['late', [TransferStatus.POSTED]],
  ]);
  expect(peers).toEqual(new Set([2]));
});

test('all accounts that a batch may touch are loaded', () => {
  const leg = {
    ...transferRequest(),
    transferId: '',
    reversalOf: '',
    debitAccountId: accountId(2, 7),
  };
  const failures = { onOutcome: nothing, onFailure: nothing };
  const paid = { ...leg, debitAccountId: accountId(1, 5) };
  const works: Work[] = [
    transfers([{}, { idempotencyKey: 'away', creditAccountId: accountId(2, 9) }]),
    opening([{}]),
    {
      kind: 'command',
      command: { kind: 'settle', originBook: 2, firstNumber: 1, legs: [leg] },
      ...failures,
    },
    {
      kind: 'command',
      command: {
        kind: 'close',
        peerBook: 2,
        through: 1,
        refused: [{ number: 1, reason: 7, leg: paid, capture: null }],
        finals: [],
      },
      ...failures,
    },
  ];
  const commands = new BatchPlan(works, NOW).commands();
  const ids = new Set(needsOf(commands, 1).accounts);
  expect([...ids].toSorted((a, b) => (a < b ? -1 : 1))).toEqual(
    [1, 2, 5].map((number) => accountId(1, number)),
  );
});
