import type { Command } from 'commander';

import type { InTransit } from '../operator/in-transit.ts';
import { type OperatorOptions, operatorCommand, withOperator } from './operator-options.ts';
import { milliseconds, print, printJson } from './print.ts';
import { table } from './table.ts';
import { amountText } from './values/amount.ts';
import { parseDuration } from './values/duration.ts';

/** `meridian in-transit` */
export function inTransitCommand(): Command {
  return operatorCommand('in-transit', 'list transfers whose money is between two books', [
    'in-transit',
    'in-transit --older-than 30s',
  ])
    .option('--older-than <duration>', 'only those on their way for so long', parseDuration, 0)
    .action((options: OperatorOptions & { readonly olderThan: number }) =>
      withOperator(options, async (operator) => {
        const found = await operator.inTransit(options.olderThan * 1_000);
        if (options.json) return printJson(found);
        if (found.length === 0) return print('Nothing is in transit for so long.');
        await print(transitTable(found));
      }),
    );
}

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
    amountText(each.amount, each),
    each.at,
    milliseconds(each.ageMs),
  ]);
  return table(columns, rows);
}
