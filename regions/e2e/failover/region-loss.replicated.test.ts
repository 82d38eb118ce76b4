import { afterAll, beforeAll, expect, test } from 'vitest';
import { must } from '../../../ledger/core/assert.ts';
import type { AuditReport } from '../../../ledger/audit/run-audit.ts';
import { paymentFiles } from '../../testing/payment-files.ts';
import { ReplicatedBooks } from '../../testing/replicated-books.ts';
import { whyNotReplicated } from '../../testing/replicated-profile.ts';
import { sharedInstallation } from '../../testing/shared-installation.ts';

/** The loss of a region in the middle of a replay of real payments, on the replicated profile. */

const installation = sharedInstallation();
const files = paymentFiles('region-loss/');
const skipped = whyNotReplicated() !== '';

let books: ReplicatedBooks;
beforeAll(() => {
  if (!skipped) books = new ReplicatedBooks(installation().state);
});
afterAll(() => books?.closeClients());

const epochOf = ({ books: read }: AuditReport): number =>
  must(
    read.find(({ name }) => name === 'us-east-1'),
    'the book was read',
  ).epoch;

test.skipIf(skipped)(
  `a replay of ${files.source} payments across the loss of a region ends in the exact balances`,
  async () => {
    const { faults } = installation();
    const before = epochOf(await books.audit());
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
    // The lost region's book was led elsewhere.
    expect(epochOf(report)).toBeGreaterThan(before);
    // Every posted key is known: a second replay changes nothing.
    const again = await books.replay(files, () => undefined);
    expect(again).toMatchObject({ replayed: files.paymentCount, accountsOpened: 0 });
    await books.expectExactly(files);
  },
);
