import { expect, test } from 'vitest';
import { must } from '../../../ledger/core/assert.ts';
import { probeHealth } from '../../processes/probes.ts';
import { readState } from '../../topology/state.ts';
import { whyNotReplicated } from '../../testing/replicated-profile.ts';
import { sharedInstallation } from '../../testing/shared-installation.ts';

/** A frozen ledger server next to a healthy primary: Patroni leaves the book where it is. */

const installation = sharedInstallation();
const ledger = 'eu-west/ledger-eu-west-1';
/** Eight probes of a second each, the pauses between them, and a start on a busy machine. */
const REPLACED_WITHIN_MS = 40_000;

test.skipIf(whyNotReplicated() !== '')(
  'a frozen ledger server is replaced by its supervisor, and leads its book again',
  async () => {
    const { dataDir, state, faults } = installation();
    const members = must(state.replicated, 'it is replicated').members;
    const { ledgerAddress } = must(
      members.find(({ bookName, region }) => bookName === 'eu-west-1' && region === 'eu-west'),
      'the book has a copy at home',
    );
    const starts = () =>
      readState(dataDir)?.processes.find(({ name }) => name === ledger)?.starts ?? 0;
    const before = starts();
    const serves = () => probeHealth(ledgerAddress);
    await expect.poll(serves, { timeout: 10_000 }).toBe(true);
    await faults.signal(ledger, 'SIGSTOP');
    await expect.poll(serves, { timeout: REPLACED_WITHIN_MS, interval: 100 }).toBe(true);
    expect(starts()).toBe(before + 1);
  },
);
