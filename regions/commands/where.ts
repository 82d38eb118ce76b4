import type { Command } from 'commander';

import type { CommandContext } from './connection.ts';
import { ExitCode } from './failure.ts';
import { type OperatorOptions, operatorCommand, withOperator } from './operator-options.ts';
import { print, printJson } from './print.ts';
import { leaderText, memberTable } from './replicated-status.ts';

/** `meridian where` */
export function whereCommand({ exit }: CommandContext): Command {
  return operatorCommand('where', 'show which book has an account, and where its copies are', [
    'where alice',
    'where 281474976710657 --json',
  ])
    .argument('<account>', 'id:NUMBER, name:TEXT, NAME@REGION, or an id or external id')
    .action((account: string, options: OperatorOptions) =>
      withOperator(options, async (operator) => {
        const found = await operator.where(account);
        if (found.length === 0) exit(ExitCode.refused);
        if (options.json) return printJson(found);
        if (found.length === 0) return print(`No book has an account "${account}".`);
        for (const { accountId, externalId, book } of found) {
          await print(`${externalId} is account ${accountId}, homed in ${book.home}.`);
          await print(`Its book ${book.name} ${leaderText(book)}.`);
          await print(memberTable(book.members));
        }
      }),
    );
}
