import { note } from '../../regions/terminal/print.ts';
import { conventional, measure } from '../measure/measurement.ts';
import { type PartContext, report } from '../parts.ts';
import { load } from '../profile.ts';
import type { BaselineFigure } from '../result/result.ts';
import { BaselineCheck } from './baseline-check.ts';

const DATABASE = 'baseline';

/** A conventional ledger on the Postgres of the bare loop, in the same run. */
export async function measureBaseline({
  installation,
  profile,
  requireGoing,
}: PartContext): Promise<BaselineFigure> {
  const { accounts, roundWindow: window } = profile;
  note('baseline: making a conventional ledger');
  const { adminUrl: databaseUrl } = await installation.addRawDatabase(DATABASE);
  await installation.rawLoop.run({ kind: 'baseline-open', databaseUrl, accounts });
  const check = new BaselineCheck(databaseUrl);
  try {
    const run = (clients: number, itemsPerCall: number) => {
      requireGoing();
      const job = { kind: 'baseline', clients, itemsPerCall, window } as const;
      return measure(installation, conventional(installation, check), job);
    };
    const singles = await run(load.baselineClients, 1);
    report(`baseline, one transfer per call from ${load.baselineClients} clients`, singles);
    const batched = await run(load.baselineBatchClients, load.itemsPerCall);
    report(`baseline, calls of ${load.itemsPerCall}`, batched);
    return { singles, batched };
  } finally {
    await check.close();
  }
}
