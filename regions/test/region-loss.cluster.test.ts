import { afterEach, expect, test } from 'vitest';
import { paymentFiles } from './payment-files.ts';
import { ReplicatedBooks, whyNotReplicated } from './replicated-books.ts';

/** The loss of a region in the middle of a replay of real payments, on the replicated profile. */

const files = paymentFiles();

let books: ReplicatedBooks | undefined;
afterEach(async () => {
  await books?.stop();
  books = undefined;
});

test.skipIf(whyNotReplicated() !== '')(
  `a replay of ${files.source} payments across the loss of a region ends in the exact balances`,
  async () => {
    books = await ReplicatedBooks.start();
    const { faults } = books.cluster;
    const steps = [
      { at: 0.25, run: () => faults.loseRegion('us-east') },
      { at: 0.7, run: () => faults.restoreRegion('us-east') },
    ];
    const begun: Promise<void>[] = [];
    const summary = await books.replay(files, (share) => {
      const [next] = steps;
      if (next === undefined || share < next.at) return;
      steps.shift();
      begun.push(next.run());
    });
    await Promise.all(begun);
    expect(begun).toHaveLength(2);
    expect(summary).toMatchObject({ payments: files.paymentCount, inTransit: 0 });
    const report = await books.expectExactly(files);
    // The lost region's book was led elsewhere: by its first leader, then by at least one more.
    const epochs = new Map(report.books.map(({ name, epoch }) => [name, epoch]));
    expect(epochs.get('us-east-1')).toBeGreaterThanOrEqual(2);
    // All that was posted is known by its key: a second replay changes nothing.
    const again = await books.replay(files, () => undefined);
    expect(again).toMatchObject({ replayed: files.paymentCount, accountsOpened: 0 });
    await books.expectExactly(files);
  },
);
