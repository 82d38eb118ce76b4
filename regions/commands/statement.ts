import type { Command } from 'commander';

import type { Timestamp } from '../../proto/gen/google/protobuf/timestamp.ts';
import { Account } from '../../proto/gen/meridian/v1/account.ts';
import { EventKind, eventKindToJSON } from '../../proto/gen/meridian/v1/event.ts';
import { type Entry, GetStatementResponse, Side } from '../../proto/gen/meridian/v1/query.ts';
import { findAccount } from './account-name.ts';
import { type CommandContext, routerCommand, withConnection } from './connection.ts';
import { wordsOf } from './outcome.ts';
import { gather, type PageOptions, withPageOptions } from './pages.ts';
import { print, printJson } from './print.ts';
import { type Column, table } from './table.ts';
import { amountText } from './values/amount.ts';
import { instantText, parseInstant } from './values/instant.ts';
import { protoJson } from './values/proto-json.ts';

interface StatementOptions extends PageOptions {
  readonly from?: Timestamp;
  readonly to?: Timestamp;
}

const COLUMNS: readonly Column[] = [
  { title: 'version', align: 'right' },
  { title: 'posted at' },
  { title: 'debit', align: 'right' },
  { title: 'credit', align: 'right' },
  { title: 'balance', align: 'right' },
  { title: 'other account', align: 'right' },
  { title: 'reference' },
];

/** `meridian statement` */
export function statementCommand(context: CommandContext): Command {
  const command = routerCommand('statement', 'what was posted to an account between two times', [
    'statement alice',
    'statement alice --from 2026-11-01 --to 2026-12-01 --limit 100000 --json',
    'statement 281474976710657 --newest --limit 20',
  ])
    .argument('<account>', 'account: id, id:NUMBER, external id, name:TEXT or NAME@REGION')
    .option(
      '--from <time>',
      'from this time on, such as 2026-11-21T09:30:00Z (default: its opening)',
      parseInstant,
    )
    .option('--to <time>', 'before this time, such as 2026-12-01 (default: now)', parseInstant);
  return withPageOptions(command).action((name: string, options: StatementOptions) =>
    withConnection(options, context, async ({ client }) => {
      const account = await findAccount(client, name);
      const { from, to } = options;
      let statement = GetStatementResponse.create();
      const { items, complete } = await gather('entries', options, async (page) => {
        const request = { accountId: account.id, from, to, ...page, options: undefined };
        statement = await client.getStatement(request);
        return { items: statement.entries, nextPageToken: statement.nextPageToken };
      });
      const whole = { ...statement, entries: [...items], nextPageToken: '' };
      if (options.json) {
        const json = protoJson(GetStatementResponse, whole);
        return printJson({ account: protoJson(Account, account), ...json, complete });
      }
      await printStatement(account, whole);
      if (!complete) await print('There are more; see --limit.');
    }),
  );
}

async function printStatement(account: Account, statement: GetStatementResponse): Promise<void> {
  const { opening, closing, debits, credits, entries } = statement;
  const amount = (minor: bigint) => amountText(minor, account);
  await print(`${account.externalId} (${account.id}, ${account.homeRegion}), ${account.asset}`);
  await print(`opening balance  ${amount(opening?.balance ?? 0n)}`);
  await print(entries.length > 0 ? table(COLUMNS, entries.map(rowOf)) : 'Nothing was posted.');
  await print(`debits           ${amount(debits)}`);
  await print(`credits          ${amount(credits)}`);
  await print(`closing balance  ${amount(closing?.balance ?? 0n)}`);
}

function rowOf(entry: Entry): string[] {
  const debit = entry.side === Side.DEBIT;
  const plain = entry.kind === EventKind.TRANSFER || entry.kind === EventKind.SETTLEMENT;
  const kind = plain ? '' : wordsOf(eventKindToJSON(entry.kind), 'EVENT_KIND_');
  return [
    String(entry.version),
    instantText(entry.postedAt),
    debit ? String(entry.amount) : '',
    debit ? '' : String(entry.amount),
    String(entry.balanceAfter),
    String(entry.counterpartyAccountId),
    [kind, entry.reference].filter((text) => text !== '').join(': '),
  ];
}
