import type { Command } from 'commander';

import { Account, Entry, Side } from '../../proto/gen/meridian/v1/ledger.ts';
import { findAccount } from './account-name.ts';
import {
  type CommandContext,
  type ConnectionOptions,
  parseWhole,
  routerCommand,
  withConnection,
} from './connection.ts';
import { print, printJson } from './print.ts';
import { type Column, table } from './table.ts';

const PAGE_SIZE_MAX = 1_000;

interface StatementOptions extends ConnectionOptions {
  readonly limit: number;
  readonly newest?: boolean;
}

const COLUMNS: readonly Column[] = [
  { title: 'no', align: 'right' },
  { title: 'posted at' },
  { title: 'debit', align: 'right' },
  { title: 'credit', align: 'right' },
  { title: 'balance', align: 'right' },
  { title: 'other account', align: 'right' },
  { title: 'reference' },
];

/** `meridian statement` */
export function statementCommand(context: CommandContext): Command {
  return routerCommand('statement', 'list the entries of an account and the balance after each', [
    'statement alice',
    'statement 281474976710657 --newest --limit 20',
  ])
    .argument('<account>', 'id or external id of the account')
    .option('--newest', 'newest first')
    .option('--limit <count>', 'entries at most', parseWhole(1, 1_000_000), 100)
    .action((name: string, options: StatementOptions) =>
      withConnection(options, context, async ({ client }) => {
        const account = await findAccount(client, name);
        const entries: Entry[] = [];
        let pageToken = '';
        do {
          const page = await client.listEntries({
            accountId: account.id,
            pageSize: Math.min(PAGE_SIZE_MAX, options.limit - entries.length),
            pageToken,
            newestFirst: options.newest === true,
          });
          entries.push(...page.entries);
          pageToken = page.nextPageToken;
        } while (pageToken !== '' && entries.length < options.limit);
        if (options.json) {
          return printJson({
            account: Account.toJSON(account),
            entries: entries.map((entry) => Entry.toJSON(entry)),
            complete: pageToken === '',
          });
        }
        const title = `${account.externalId} (${account.id}, ${account.homeRegion})`;
        await print(`${title}, balance ${account.balance} ${account.asset}`);
        await print(entries.length > 0 ? table(COLUMNS, entries.map(rowOf)) : 'No entries yet.');
        if (pageToken !== '') await print('There are more; see --limit.');
      }),
    );
}

function rowOf(entry: Entry): string[] {
  const debit = entry.side === Side.DEBIT;
  return [
    String(entry.version),
    timeOf(entry),
    debit ? String(entry.amount) : '',
    debit ? '' : String(entry.amount),
    String(entry.balanceAfter),
    String(entry.counterpartyAccountId),
    entry.returned ? `returned: ${entry.reference}` : entry.reference,
  ];
}

/** UTC to the millisecond. */
function timeOf({ postedAt }: Entry): string {
  if (!postedAt) return '';
  const ms = Number(postedAt.seconds) * 1_000 + Math.floor(postedAt.nanos / 1_000_000);
  return new Date(ms).toISOString().replace('T', ' ').replace('Z', '');
}
