import { expect, test, vi } from 'vitest';
import { openRequest, transferRequest } from '../testing/books/book-requests.ts';
import { LedgerError } from './ledger-error.ts';
import type { CommandWork, OpenWork, TransferWork } from './work.ts';
import { WorkQueue } from './work-queue.ts';

const request = transferRequest();
const nothing = () => undefined;

function transfers(
  count: number,
  onFailure: (failure: LedgerError) => void = nothing,
): TransferWork {
  const requests = Array.from({ length: count }, () => request);
  const startBefore = requests.map(() => Infinity);
  return {
    kind: 'transfers',
    requests,
    startBefore,
    onOutcome: nothing,
    onLate: nothing,
    onFailure,
  };
}

function legs(count: number): CommandWork {
  const leg = { ...request, transferId: '', reversalOf: '' };
  return {
    kind: 'command',
    command: {
      kind: 'settle',
      originBook: 2,
      firstNumber: 1,
      legs: Array.from({ length: count }, () => leg),
    },
    onOutcome: nothing,
    onFailure: nothing,
  };
}

const close: CommandWork = {
  kind: 'command',
  command: { kind: 'close', peerBook: 2, through: 1, refused: [], finals: [] },
  onOutcome: nothing,
  onFailure: nothing,
};

test('what waits is bounded in bytes, but one large work is let in', () => {
  const queue = new WorkQueue();
  const onFailure = vi.fn<(failure: LedgerError) => void>();
  queue.add({ ...transfers(1), bytes: 40 * 1024 * 1024 });
  queue.add({ ...transfers(1, onFailure), bytes: 1 });
  expect(onFailure.mock.calls.map(([{ code }]) => code)).toEqual(['overloaded']);
  expect(queue.take()).toHaveLength(1);
  queue.add({ ...transfers(1, onFailure), bytes: 1 });
  expect(onFailure).toHaveBeenCalledOnce();
});

test('a queue that refuses still gives out what waits', () => {
  const queue = new WorkQueue();
  const onFailure = vi.fn<(failure: LedgerError) => void>();
  const waiting = transfers(1);
  queue.add(waiting);
  queue.refuse(new LedgerError('not_leader', 'stopping'));
  queue.add(transfers(1, onFailure));
  expect(onFailure).toHaveBeenCalledOnce();
  expect(queue.take()).toEqual([waiting]);
  expect(queue.take()).toEqual([]);
});

test('work comes out in the order of its arrival, once', () => {
  const queue = new WorkQueue();
  const works = [transfers(1), close, transfers(2), legs(3)];
  for (const work of works) queue.add(work);
  expect(queue.take()).toEqual(works);
  expect(queue.take()).toEqual([]);
});

test('a batch has 4,000 items at most, unless one work alone has more', () => {
  const queue = new WorkQueue();
  const works = [8000, 1, 3999, 1, 4000].map((count) => transfers(count));
  for (const work of works) queue.add(work);
  expect(queue.take()).toEqual([works[0]]);
  expect(queue.take()).toEqual([works[1], works[2]]);
  expect(queue.take()).toEqual([works[3]]);
  expect(queue.take()).toEqual([works[4]]);
});

test('beyond 64,000 items new work is refused at once, and nothing else', () => {
  const queue = new WorkQueue();
  const failure = vi.fn<(failure: LedgerError) => void>();
  for (let calls = 0; calls < 8; calls += 1) queue.add(transfers(8000, failure));
  expect(failure).not.toHaveBeenCalled();
  queue.add(transfers(1, failure));
  expect(failure.mock.calls[0]?.[0].code).toBe('overloaded');
  const open: OpenWork = { kind: 'open', requests: [], onOutcome: nothing, onFailure: failure };
  queue.add({ ...open, requests: [openRequest()] });
  expect(failure).toHaveBeenCalledTimes(2);
  // What releases money is always let in.
  queue.add(legs(2000));
  queue.add(close);
  const taken = Array.from({ length: 10 }, () => queue.take()).flat();
  expect(taken.map(({ kind }) => kind)).toEqual([
    ...Array(8).fill('transfers'),
    'command',
    'command',
  ]);
  queue.add(transfers(8000, failure));
  expect(failure).toHaveBeenCalledTimes(2);
  expect(queue.take()).toHaveLength(1);
});

test('a closed queue refuses what waits and what comes', () => {
  const queue = new WorkQueue();
  const failure = vi.fn<(failure: LedgerError) => void>();
  const why = new LedgerError('not_leader', 'another took over');
  queue.add(transfers(1, failure));
  queue.close(why);
  queue.add(transfers(1, failure));
  expect(failure.mock.calls).toEqual([[why], [why]]);
  expect(queue.take()).toEqual([]);
});

test('waiting ends with work, with the end of the queue, or with the time', async () => {
  const queue = new WorkQueue();
  const waited = async (meanwhile: () => void) => {
    const before = performance.now();
    const waiting = queue.waitForWork(200);
    meanwhile();
    await waiting;
    return performance.now() - before;
  };
  expect(await waited(nothing)).toBeGreaterThan(150);
  expect(await waited(() => queue.add(transfers(1)))).toBeLessThan(100);
  expect(await waited(nothing)).toBeLessThan(100);
  queue.take();
  expect(await waited(() => queue.close(new LedgerError('not_leader', '')))).toBeLessThan(100);
  expect(await waited(nothing)).toBeLessThan(100);
});
