import { status } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { RpcError } from '../rpc/error.ts';
import { ReadTurns } from './read-turns.ts';

/** A read that ends when it is asked to, and whether it has begun. */
class TestRead {
  begun = false;
  end: () => void = () => undefined;
  fail: (error: Error) => void = () => undefined;
  readonly run = () => {
    this.begun = true;
    return new Promise<void>((resolve, reject) => {
      this.end = resolve;
      this.fail = reject;
    });
  };
}

const turn = () => new Promise(setImmediate);

test('a read that is given up takes no turn, and those behind it move up', async () => {
  const turns = new ReadTurns(2);
  const reads = Array.from({ length: 5 }, () => new TestRead());
  const callers = reads.map(() => new AbortController());
  const ended = reads.map(({ run }, index) => turns.run(run, callers[index]?.signal));
  const settled = Promise.allSettled(ended);
  await turn();
  const begun = () => reads.map((read) => read.begun);
  expect(begun()).toEqual([true, true, false, false, false]);
  callers[2]?.abort();
  callers[3]?.abort();
  reads[0]?.end();
  await turn();
  expect(begun()).toEqual([true, true, false, false, true]);
  // One that has begun is not begun again because its caller goes.
  callers[1]?.abort();
  reads[1]?.fail(new Error('it failed'));
  reads[4]?.end();
  const outcomes = await settled;
  expect(outcomes.map((each) => each.status)).toEqual([
    'fulfilled',
    'rejected',
    'rejected',
    'rejected',
    'fulfilled',
  ]);
  const given = outcomes[2]?.status === 'rejected' ? outcomes[2].reason : undefined;
  expect(given).toBeInstanceOf(RpcError);
  expect(given).toMatchObject({ code: status.CANCELLED });
  // All turns are free again.
  await Promise.all([turns.run(() => turn()), turns.run(() => turn())]);
});

test('more reads than may wait are refused', async () => {
  const turns = new ReadTurns(1, 1);
  const [first, second] = [new TestRead(), new TestRead()];
  const waiting = [turns.run(first.run), turns.run(second.run)];
  await expect(turns.run(() => turn())).rejects.toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  first.end();
  await turn();
  second.end();
  await Promise.all(waiting);
});
