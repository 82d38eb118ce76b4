import type { Command } from 'commander';

import { type HistoryEntry, readHistory } from '../operator/history.ts';
import { type CommandContext, parseWhole } from './connection.ts';
import { ExitCode } from './failure.ts';
import {
  noteSilent,
  type OperatorOptions,
  operatorCommand,
  withBookCopies,
} from './operator-options.ts';
import { print, printJson, toJson } from './print.ts';
import { table } from './table.ts';

/** `meridian history` */
export function historyCommand(context: CommandContext): Command {
  return operatorCommand('history', 'show who did what to the books, when and why', [
    'history',
    'history --limit 200 --json',
  ])
    .option('--limit <count>', 'so many at most, the newest', parseWhole(1, 10_000), 50)
    .action((options: OperatorOptions & { readonly limit: number }) =>
      withBookCopies(options, context, async (copies) => {
        const history = await readHistory(copies, options.limit);
        noteSilent(history.silent);
        if (history.silent.length > 0) context.exit(ExitCode.environment);
        if (options.json) return printJson(history);
        const { entries } = history;
        await print(entries.length > 0 ? historyTable(entries) : 'Nothing is recorded.');
      }),
    );
}

function historyTable(entries: readonly HistoryEntry[]): string {
  const columns = [
    { title: 'when' },
    { title: 'what' },
    { title: 'books' },
    { title: 'epoch', align: 'right' },
    { title: 'who' },
    { title: 'why' },
    { title: 'details' },
  ] as const;
  const rows = entries.map(({ at, kind, books, epoch, who, why, details }) => [
    at,
    kind,
    books.join(', '),
    String(epoch),
    who,
    why,
    detailText(details),
  ]);
  return table(columns, rows);
}

/** Details of an operation for people: "from eu-west, to us-east". */
function detailText(details: unknown): string {
  if (typeof details !== 'object' || details === null) return '';
  return Object.entries(details)
    .map(([name, value]) => `${name} ${typeof value === 'string' ? value : toJson(value)}`)
    .join(', ');
}
