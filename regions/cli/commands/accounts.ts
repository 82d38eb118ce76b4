import type { Command } from 'commander';

import type { Account } from '../../../proto/gen/meridian/v1/account.ts';
import type { MeridianClient } from '../../../router/client/client.ts';
import {
  type CommandContext,
  type ConnectionOptions,
  regionsOf,
  routerCommand,
  withConnection,
} from '../connection.ts';
import { errorJson, interruption, toFailure } from '../error-report.ts';
import { print, printRaw, toJson } from '../../terminal/print.ts';
import { csvLines } from '../../terminal/csv.ts';
import { table, type Column } from '../../terminal/table.ts';

const PAGE_SIZE = 1_000;

interface AccountsOptions extends ConnectionOptions {
  readonly region?: string;
  readonly csv?: boolean;
}

/** `field` is the name in JSON; in CSV it is in snake case, as in the files of a replay. */
const COLUMNS: readonly (Column & { readonly field: string })[] = [
  { title: 'external id', field: 'externalId' },
  { title: 'id', field: 'id', align: 'right' },
  { title: 'home region', field: 'homeRegion' },
  { title: 'asset', field: 'asset' },
  { title: 'debits', field: 'debits', align: 'right' },
  { title: 'credits', field: 'credits', align: 'right' },
  { title: 'balance', field: 'balance', align: 'right' },
];

const CSV_HEADING = csvLines([COLUMNS.map(({ title }) => title.replaceAll(' ', '_'))]);

/** `meridian accounts` */
export function accountsCommand(context: CommandContext): Command {
  return routerCommand('accounts', 'list all accounts with their balances, in minor units', [
    'accounts',
    'accounts --csv > accounts.csv',
    'accounts --region eu-west --json',
  ])
    .option('--region <name>', 'only those of this region')
    .option('--csv', `print CSV: ${CSV_HEADING}`)
    .action((options: AccountsOptions) =>
      withConnection(options, context, async (connection) => {
        const regions = options.region === undefined ? regionsOf(connection) : [options.region];
        const pages = pagesOf(connection.client, regions);
        if (options.json) return printAsJson(pages, context);
        if (options.csv) return printAsCsv(pages);
        const rows: string[][] = [];
        for await (const page of pages) rows.push(...page.map(valuesOf));
        return print(rows.length > 0 ? table(COLUMNS, rows) : 'No account has been opened yet.');
      }),
    );
}

async function* pagesOf(
  client: MeridianClient,
  regions: readonly string[],
): AsyncGenerator<Account[]> {
  for (const homeRegion of regions) {
    let pageToken = '';
    do {
      const page = await client.listAccounts({ homeRegion, pageSize: PAGE_SIZE, pageToken });
      yield page.accounts;
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
  }
}

function valuesOf(account: Account): string[] {
  const { externalId, id, homeRegion, asset, debits, credits, balance } = account;
  return [externalId, id, homeRegion, asset, debits, credits, balance].map(String);
}

async function printAsCsv(pages: AsyncGenerator<Account[]>): Promise<void> {
  await printRaw(CSV_HEADING);
  for await (const page of pages) {
    if (page.length > 0) await printRaw(csvLines(page.map(valuesOf)));
  }
}

/** Page by page, so that a million accounts are never held at once. */
async function printAsJson(
  pages: AsyncGenerator<Account[]>,
  { signal, exit }: CommandContext,
): Promise<void> {
  let separator = '{"accounts":[\n';
  try {
    for await (const page of pages) {
      for (const account of page) {
        const values = valuesOf(account);
        const entries = COLUMNS.map(({ field }, index) => [field, values[index]]);
        await printRaw(separator + JSON.stringify(Object.fromEntries(entries)));
        separator = ',';
      }
    }
  } catch (error) {
    if (separator !== ',') throw error;
    // What has been printed is completed to an object that names the error.
    const failure = signal.aborted ? interruption(error) : toFailure(error);
    exit(failure.exitCode);
    return printRaw(`],${toJson(errorJson(signal.aborted ? failure : error)).slice(1)}`);
  }
  await printRaw(separator === ',' ? ']}' : '{"accounts":[]}');
}
