import { expect, onTestFinished, test } from 'vitest';
import { StandInServer } from '../../../router/testing/stand-in-server.ts';
import { Recorder } from '../change-recorder.ts';
import { memberIn } from '../test/book-facts.ts';
import { move } from './switchover.ts';

const stateOf = ({ region, address: ledgerAddress }: StandInServer) => ({
  ...memberIn(region).member,
  ledgerAddress,
});

test('the leader that is replaced never passes for the new one, however late it reports', async () => {
  const [old, next] = await Promise.all([
    new StandInServer('eu-west').start(),
    new StandInServer('us-east').start(),
  ]);
  onTestFinished(() => {
    old.stop();
    next.stop();
  });
  const leader = {
    state: stateOf(old),
    // Asked for a checkpoint, it has the epoch in which the book is led.
    database: { ask: () => Promise.resolve(10) },
    patroni: {
      async switchover() {
        // It reports that it leads when it is being stopped already.
        old.lead(10);
        await new Promise((resolve) => {
          setTimeout(resolve, 300);
        });
        old.lead(0);
        next.lead(11);
      },
    },
  };
  const candidate = { state: stateOf(next) };
  const book = { name: 'eu-west-1', number: 1, members: [leader, candidate] };
  const recorder = new Recorder('switchover', 'eu-west-1', { by: 'the test', why: 'to see it' });
  await expect(move(book, leader, candidate, recorder)).resolves.toMatchObject({ epoch: 11 });
});
