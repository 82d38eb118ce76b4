import type { Command } from 'commander';

import type { HistoryEntry } from '../operator/history.ts';
import { parseWhole } from './connection.ts';
import { type OperatorOptions, operatorCommand, withOperator } from './operator-options.ts';
import { note, print, printJson, toJson } from './print.ts';
import { table } from './table.ts';

/** `meridian history` */
export function historyCommand(): Command {
  return operatorCommand('history', 'show who did what to the books, when and why', [
    'history',
    'history --limit 200 --json',
  ])
    .option('--limit <count>', 'so many at most, the newest', parseWhole(1, 10_000), 50)
    .action((options: OperatorOptions & { readonly limit: number }) =>
      withOperator(options, async (operator) => {
        const history = await operator.history(options.limit);
        for (const book of history.silent) note(`no copy of ${book} answers: its part is missing`);
        if (options.json) return printJson(history);
        await print(historyTable(history.entries));
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
