import type { Command } from 'commander';

import type { AuditReport } from '../../../ledger/audit/run-audit.ts';
import { MeridianClient } from '../../../router/client/client.ts';
import type { Cluster } from '../../supervisor/embedded/embedded-cluster.ts';
import { defaultDataDir } from '../../topology/layout.ts';
import { runSample, type SampleProgress, type SampleReport } from '../sample/send-sample.ts';
import { auditWithProgress } from './audit.ts';
import { auditTable, verdictOf } from './audit-table.ts';
import { configOf } from '../config-option.ts';
import { type CommandContext, newCommand } from '../connection.ts';
import { ExitCode } from '../../terminal/failure.ts';
import {
  describeEndpoints,
  interrupted,
  type LocalOptions,
  localOptions,
  type StartingOptions,
  untilAborted,
  withClusterHere,
  withStartingOptions,
} from './local-cluster.ts';
import { Progress } from '../../terminal/progress.ts';
import { count, milliseconds, note, print, printJson, styled } from '../../terminal/print.ts';
import { routerChannel } from '../../links/known-links.ts';

/** Long enough for a server that is being started again. */
const CALL_TIMEOUT_MS = 60_000;

interface StartOptions extends StartingOptions {
  readonly once?: boolean;
  readonly json?: boolean;
}

/** `meridian start`, which is what `npm start` runs. */
export function startCommand(context: CommandContext): Command {
  const description = 'start the regions here, move a sample of real payments, audit the books';
  const examples = ['start', 'start --once', 'start --fresh --port 7500'];
  return withStartingOptions(newCommand('start', description, examples))
    .option('--once', 'end after the audit; the exit code states whether every invariant holds')
    .action(async (options: StartOptions) => {
      const here = localOptions(options, await configOf(options, { profile: 'embedded' }));
      await withClusterHere(here, context, async (cluster) => {
        const sample = await pushSample(cluster, context);
        const audit = await auditWithProgress(
          cluster.books.map(({ auditorUrl }) => auditorUrl),
          context,
        );
        const inTransit = audit.inFlight.reduce((sum, { transfers }) => sum + transfers, 0);
        const ok = sample.ok && audit.ok && inTransit === 0;
        if (!ok) context.exit(ExitCode.refused);
        if (options.json) await printJson({ ok, sample, audit });
        else await printResult(sample, audit, ok);
        if (options.once) return;
        if (!options.json) await print(afterwards(cluster, here));
        await untilAborted(context.signal);
      });
    });
}

const PHASES: Readonly<Record<SampleProgress['phase'], readonly [string, string]>> = {
  accounts: ['Accounts', 'opened'],
  batches: ['Batches ', 'payments'],
  singles: ['Singles ', 'calls with one payment'],
};

async function pushSample(cluster: Cluster, { signal }: CommandContext): Promise<SampleReport> {
  const { regions } = cluster;
  const clients = new Map(
    regions.map(({ name }, index) => {
      // Each region prefers its own router; the others replace it while it is down.
      const order = [...regions.slice(index), ...regions.slice(0, index)];
      const addresses = order.map(({ routerAddress }) => routerAddress);
      return [
        name,
        new MeridianClient(addresses, {
          timeoutMs: CALL_TIMEOUT_MS,
          signal,
          channelTo: routerChannel,
        }),
      ] as const;
    }),
  );
  let shown: { phase: string; progress: Progress } | undefined;
  const onProgress = ({ phase, done, total }: SampleProgress) => {
    if (shown?.phase !== phase) {
      shown?.progress.stop();
      shown = { phase, progress: new Progress(...PHASES[phase]) };
    }
    shown.progress.update(done, total);
  };
  try {
    note(`\nSample payments through ${regions.length === 1 ? 'the router' : 'all routers'}`);
    return await runSample({ clients, onProgress });
  } catch (error) {
    if (signal.aborted) throw interrupted();
    throw error;
  } finally {
    shown?.progress.stop();
    for (const client of clients.values()) client.close();
  }
}

async function printResult(sample: SampleReport, audit: AuditReport, ok: boolean): Promise<void> {
  const { counts, expected, unexpected, batchLatency: batch, singleLatency: single } = sample;
  const known = counts.keys - counts.decidedNow;
  await print(`\n${styled('bold', 'Audit')}`);
  await print(auditTable(audit, sample.replayedByRegion));
  await print(
    [
      `\nSample      ${count(sample.accounts)} accounts, ${count(counts.keys)} payments ` +
        `(${count(counts.crossRegion)} across regions): ${count(counts.posted)} posted, ` +
        `${count(counts.rejected)} refused, ${count(counts.returned)} returned`,
      `Keys        ${count(counts.replayed)} sent twice and answered as before, ` +
        `${count(counts.reusedRefused)} reused with other content and refused`,
      ...(known > 0
        ? [`            ${count(known)} keys of an earlier run were answered as before`]
        : []),
      `Throughput  ${count(sample.transfersPerSecond)} transfers/s over ` +
        `${sample.seconds.toFixed(1)} s`,
      `Latency     p50 ${milliseconds(single.p50)}, p99 ${milliseconds(single.p99)} for one ` +
        `transfer a call; p50 ${milliseconds(batch.p50)}, p99 ${milliseconds(batch.p99)} for ` +
        'up to 500 a call',
    ].join('\n'),
  );
  for (const [name, value] of Object.entries(expected)) {
    const found = Object.entries(counts).find(([other]) => other === name)?.[1];
    if (found === value) continue;
    await print(styled('red', `${name}: ${found ?? 'none'}, expected ${value}`));
  }
  for (const { key, expected: wanted, got } of unexpected) {
    await print(`${key}: ${got}, expected ${wanted}`);
  }
  await print(`Verdict     ${verdictOf(audit)}`);
  const text = ok
    ? styled('green', 'Every payment has the outcome it must have; nothing is in transit.')
    : styled('red', 'Not all of it holds.');
  await print(`            ${text}`);
}

function afterwards(cluster: Cluster, { data, port }: LocalOptions): string {
  const [first, second = first] = cluster.regions.map(({ name }) => name);
  const merchant = `sample.${first}.EUR.merchant-001`;
  const treasury = `sample.${second}.EUR.treasury`;
  const where = data === defaultDataDir() ? '' : ` --data ${data}`;
  const commands = [
    'meridian status',
    `meridian account find ${merchant}`,
    `meridian statement ${merchant} --newest --limit 10`,
    `meridian transfer --from ${treasury} --to ${merchant} --amount 1250`,
    'meridian audit',
  ];
  return [
    `\nThe regions stay up, with data in ${data} and ports from ${port}:`,
    describeEndpoints(cluster),
    '\nTo try in another terminal:',
    ...commands.map((command) => `  npx ${command}${where}`),
    '\nCtrl-C stops everything.',
  ].join('\n');
}
