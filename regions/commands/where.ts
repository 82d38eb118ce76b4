import type { Command } from 'commander';

import { whereIs } from '../operator/where.ts';
import type { CommandContext } from './connection.ts';
import { ExitCode } from './failure.ts';
import {
  noteSilent,
  type OperatorOptions,
  operatorCommand,
  withBookCopies,
} from './operator-options.ts';
import { print, printJson } from './print.ts';
import { leaderText, memberTable } from './replicated-status.ts';

/** `meridian where` */
export function whereCommand(context: CommandContext): Command {
  return operatorCommand('where', 'show which book has an account, and where its copies are', [
    'where alice',
    'where 281474976710657 --json',
  ])
    .argument('<account>', 'id:NUMBER, name:TEXT, NAME@REGION, or an id or external id')
    .action((account: string, options: OperatorOptions) =>
      withBookCopies(options, context, async (copies) => {
        const { accounts, silent } = await whereIs(copies, account);
        noteSilent(silent);
        if (accounts.length === 0) context.exit(ExitCode.refused);
        if (options.json) return printJson({ accounts, silent });
        if (accounts.length === 0) return print(`No book has an account "${account}".`);
        for (const { accountId, externalId, book } of accounts) {
          await print(`${externalId} is account ${accountId}, homed in ${book.home}.`);
          await print(`Its book ${book.name} ${leaderText(book)}.`);
          await print(memberTable(book.members));
        }
      }),
    );
}
