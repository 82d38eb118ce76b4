import { expect, test } from 'vitest';

import { must } from '../../../../ledger/core/assert.ts';
import { connect } from '../../../../ledger/store/postgres/connect.ts';
import type { Faults } from '../../../faults/faults.ts';
import type { Meridian } from '../../../testing/meridian.ts';

export type Regions = readonly { readonly adminUrl: string }[];

type Running = () => {
  readonly meridian: Meridian;
  readonly faults: Faults;
  readonly regions: Regions;
};

const ADD = 'EXECUTE ON FUNCTION journal_add_partition(int8, bool)';

/** What `status` shows while the partitions of a journal need attention. */
export function testPartitionStatus(installation: Running): void {
  const run = (...args: string[]) => installation().meridian.run('status', ...args);
  const shown = async () => {
    const { code, out } = await run();
    return { code, alarm: /^eu-west-1: PARTITION_NOT_ADDED: .*permission denied/mu.test(out) };
  };

  test('status has what the partitions of a journal need, until they have it', async () => {
    const { faults, regions } = installation();
    const admin = connect(must(regions[0], 'eu-west runs').adminUrl, 1);
    try {
      await faults.stop('eu-west/ledger');
      // Those that are ahead of all rows, so that they are added again.
      const ahead = await admin<{ name: string }[]>`
        SELECT name FROM journal_partition WHERE first_seq > (SELECT seq + 1 FROM head)`;
      expect(ahead.length).toBeGreaterThan(0);
      for (const { name } of ahead) await admin`DROP TABLE ${admin(name)}`;
      await admin.unsafe(`REVOKE ${ADD} FROM meridian_ledger`);
      await faults.start('eu-west/ledger');
      await expect.poll(shown, { timeout: 30_000 }).toEqual({ code: 3, alarm: true });
      const processes = async () => JSON.parse((await run('--json')).out).processes;
      await expect.poll(processes).toContainEqual(
        expect.objectContaining({
          name: 'eu-west/ledger',
          partitionAlarms: [expect.stringMatching(/^PARTITION_NOT_ADDED: /u)],
        }),
      );
      await admin.unsafe(`GRANT ${ADD} TO meridian_ledger`);
      await expect.poll(shown, { timeout: 30_000 }).toEqual({ code: 0, alarm: false });
    } finally {
      await admin.unsafe(`GRANT ${ADD} TO meridian_ledger`);
      await admin.end();
    }
  });
}
