import { type Command, InvalidArgumentError, Option } from 'commander';

import type { BadLine } from '../replay/bad-line.ts';
import { runReplay } from '../replay/replay-payments.ts';
import { type ReplaySummary, SHOWN_MAX } from '../replay/replay-tally.ts';
import {
  type CommandContext,
  type ConnectionOptions,
  parseWhole,
  routerCommand,
  withConnection,
} from '../connection.ts';
import { ExitCode } from '../../terminal/failure.ts';
import { Progress } from '../../terminal/progress.ts';
import { count, note, print, printJson } from '../../terminal/print.ts';

interface ReplayCommandOptions extends ConnectionOptions {
  readonly accounts: string;
  readonly payments: string;
  readonly map: ReadonlyMap<string, string>;
  readonly onBadLine: 'skip' | 'refuse';
  readonly waitInTransit: number;
}

/** `meridian replay` */
export function replayCommand(context: CommandContext): Command {
  const examples = [
    'replay --accounts accounts.csv --payments payments.csv \\\n' +
      '      --map prague=eu-west,bohemia=us-east,moravia=ap-south',
  ];
  const description = 'make the payments of a CSV file, each once, however often it is run';
  // Waits for a server that is being restarted: a replay may run for hours.
  return routerCommand('replay', description, examples, 120)
    .requiredOption('--accounts <file>', 'CSV: account,home_region,currency,may_overdraw')
    .requiredOption(
      '--payments <file>',
      'CSV: key,booked_on,debit_account,credit_account,amount_minor,currency,kind',
    )
    .addOption(
      new Option('--map <name=region,...>', 'region that a home_region of the file stands for')
        .default(new Map(), 'names of the file are regions')
        .argParser(parseMap),
    )
    .addOption(
      new Option('--on-bad-line <choice>', 'how to treat a line that cannot be used')
        .choices(['skip', 'refuse'])
        .default('refuse', 'refuse: send nothing at all'),
    )
    .option(
      '--wait-in-transit <seconds>',
      'how long to wait while nothing settles',
      parseWhole(0, 86_400),
      60,
    )
    .action((options: ReplayCommandOptions) =>
      withConnection(options, context, async ({ clientFor, regions }) => {
        const progress = new Progress('Replay', 'payments');
        let shown = 0;
        const onBadLine = (bad: BadLine) => {
          shown += 1;
          if (shown <= SHOWN_MAX) note(describeBadLine(bad));
          if (shown === SHOWN_MAX + 1) note('further bad lines are only counted');
        };
        try {
          const summary = await runReplay(
            {
              accountsFile: options.accounts,
              paymentsFile: options.payments,
              map: options.map,
              regions,
              onBadLine: options.onBadLine,
              inTransitMsMax: options.waitInTransit * 1_000,
            },
            {
              clientFor,
              onBadLine,
              onProgress: (done, total) => progress.update(done, total),
              onInTransit: inTransitNotes(progress),
            },
          );
          progress.stop();
          context.exit(exitCodeOf(summary));
          await (options.json ? printJson(summary) : printSummary(summary));
        } catch (error) {
          progress.stop();
          if (context.signal.aborted)
            note('run the same command again to continue where it stopped');
          throw error;
        }
      }),
    );
}

/** Notes every few seconds what the replay waits for, without breaking a progress bar. */
function inTransitNotes(progress: Progress): (payments: number) => void {
  let notedAt = performance.now();
  return (payments) => {
    if (performance.now() - notedAt < 3_000) return;
    notedAt = performance.now();
    progress.stop();
    note(`waiting for ${count(payments)} payments in transit to another region`);
  };
}

function exitCodeOf({ refused, rejected, returned, inTransit }: ReplaySummary): ExitCode {
  if (refused || rejected + returned > 0) return ExitCode.refused;
  return inTransit > 0 ? ExitCode.environment : ExitCode.ok;
}

function describeBadLine({ file, line, error, detail }: BadLine): string {
  return `${file} line ${line}: ${error}: ${detail}`;
}

async function printSummary(summary: ReplaySummary): Promise<void> {
  if (summary.refused) {
    await print('Nothing was sent, because of bad lines; --on-bad-line skip leaves them out.');
    return;
  }
  const { payments, posted, replayed, rejected, returned, inTransit, linesSkipped } = summary;
  const rate = `${summary.seconds.toFixed(1)} s, ${count(summary.paymentsPerSecond)}/s`;
  const { accountsOpened, accountsKnown } = summary;
  const lines: [string, string][] = [
    ['accounts', `${count(accountsOpened)} opened, ${count(accountsKnown)} known before`],
    ['payments', `${count(payments)} in ${rate}`],
    ['posted', count(posted)],
    ['rejected', count(rejected)],
    ['returned', count(returned)],
    ['in transit', count(inTransit)],
    ['replayed', `${count(replayed)} of these were known before`],
    ['lines skipped', count(linesSkipped)],
  ];
  await print(lines.map(([name, value]) => `${name.padEnd(14)}${value}`).join('\n'));
  for (const [reason, number] of Object.entries(summary.reasons)) {
    await print(`${reason.toLowerCase()}: ${count(number)}`);
  }
  for (const { line, key, reason, differingField } of summary.rejections) {
    const why = differingField === '' ? reason : `${reason} (${differingField})`;
    note(`line ${line}: ${key}: ${why.toLowerCase()}`);
  }
  if (rejected + returned > summary.rejections.length) note('the others are only counted');
  if (inTransit > 0) note('run the same command again to see what became of those in transit');
}

function parseMap(text: string, before: ReadonlyMap<string, string>): Map<string, string> {
  const map = new Map(before);
  for (const pair of text.split(',')) {
    const [, name, region] = /^([^=]+)=([^=]+)$/u.exec(pair.trim()) ?? [];
    if (name === undefined || region === undefined) {
      throw new InvalidArgumentError('It must be NAME=REGION,... such as prague=eu-west.');
    }
    map.set(name, region);
  }
  return map;
}
