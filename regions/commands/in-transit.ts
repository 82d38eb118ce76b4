import type { Command } from 'commander';

import { type InTransit, inTransit } from '../operator/in-transit.ts';
import type { CommandContext } from './connection.ts';
import { ExitCode } from './failure.ts';
import {
  noteSilent,
  type OperatorOptions,
  operatorCommand,
  withBookCopies,
} from './operator-options.ts';
import { milliseconds, print, printJson } from './print.ts';
import { table } from './table.ts';
import { amountText } from './values/amount.ts';
import { parseDuration } from './values/duration.ts';

/** `meridian in-transit` */
export function inTransitCommand(context: CommandContext): Command {
  return operatorCommand('in-transit', 'list transfers whose money is between two books', [
    'in-transit',
    'in-transit --older-than 30s',
  ])
    .option(
      '--older-than <duration>',
      'only those on their way for so long, such as 30s or 5m',
      parseDuration,
      0,
    )
    .action((options: OperatorOptions & { readonly olderThan: number }) =>
      withBookCopies(options, context, async (copies) => {
        const found = await inTransit(copies, options.olderThan * 1_000);
        noteSilent(found.silent);
        if (found.silent.length > 0) context.exit(ExitCode.environment);
        if (options.json) return printJson(found);
        if (found.transfers.length > 0) await print(transitTable(found.transfers));
        else if (found.silent.length === 0) await print(nothingText(options.olderThan));
        if (!found.complete) await print('There are more: of each book only the oldest are shown.');
      }),
    );
}

const nothingText = (seconds: number) =>
  seconds === 0 ? 'Nothing is in transit.' : `Nothing has been in transit for ${seconds} s.`;

function transitTable(found: readonly InTransit[]): string {
  const right = { align: 'right' } as const;
  const columns = [
    { title: 'transfer' },
    { title: 'from' },
    { title: 'to' },
    { title: 'number', ...right },
    { title: 'amount', ...right },
    { title: 'since' },
    { title: 'age', ...right },
  ];
  const rows = found.map((each) => [
    each.transferId,
    `${each.fromBook} ${each.debitAccountId}`,
    `${each.toBook} ${each.creditAccountId}`,
    String(each.channelNumber),
    each.scale === 0 ? `${each.amount} ${each.asset}` : amountText(each.amount, each),
    each.at,
    milliseconds(each.ageMs),
  ]);
  return table(columns, rows);
}
