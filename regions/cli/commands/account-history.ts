import type { Command } from 'commander';

import { Account } from '../../../proto/gen/meridian/v1/account.ts';
import { EventKind, eventKindToJSON } from '../../../proto/gen/meridian/v1/event.ts';
import { Entry, Side } from '../../../proto/gen/meridian/v1/query.ts';
import { findAccount, idText } from './account-name.ts';
import { type CommandContext, routerCommand, withConnection } from '../connection.ts';
import { wordsOf } from './outcome.ts';
import { gather, type PageOptions, withPageOptions } from './pages.ts';
import { print, printJson } from '../../terminal/print.ts';
import { type Column, table } from '../../terminal/table.ts';
import { instantText } from '../values/instant.ts';
import { protoJson } from '../values/proto-json.ts';

const COLUMNS: readonly Column[] = [
  { title: 'version', align: 'right' },
  { title: 'at' },
  { title: 'what' },
  { title: 'amount', align: 'right' },
  { title: 'balance', align: 'right' },
  { title: 'available', align: 'right' },
  { title: 'other account', align: 'right' },
  { title: 'by' },
  { title: 'reference or why' },
];

/** `meridian account history` */
export function accountHistoryCommand(context: CommandContext): Command {
  const command = routerCommand(
    'history',
    'list all that happened to an account, holds and changes too',
    ['account history alice', 'account history alice --newest --limit 20 --json'],
  ).argument('<account>', 'account: id, id:NUMBER, external id, name:TEXT or NAME@REGION');
  return withPageOptions(command).action((name: string, options: PageOptions) =>
    withConnection(options, context, async ({ client }) => {
      const account = await findAccount(client, name);
      const { items, complete } = await gather('entries', options, async (page) => {
        const request = { accountId: account.id, ...page, options: undefined };
        const { entries, nextPageToken } = await client.listEntries(request);
        return { items: entries, nextPageToken };
      });
      if (options.json) {
        return printJson({
          account: protoJson(Account, account),
          entries: items.map((entry) => protoJson(Entry, entry)),
          complete,
        });
      }
      await print(items.length > 0 ? table(COLUMNS, items.map(rowOf)) : 'Nothing yet.');
      if (!complete) await print('There is more; see --limit.');
    }),
  );
}

function rowOf(entry: Entry): string[] {
  const { version, postedAt, kind, side, amount, counterpartyAccountId, by, reference } = entry;
  // What ends a hold gives back what the hold took.
  const frees = kind === EventKind.RELEASE || kind === EventKind.EXPIRY || kind === EventKind.REST;
  const sign = (side === Side.DEBIT) === frees ? '+' : '-';
  return [
    String(version),
    instantText(postedAt),
    wordsOf(eventKindToJSON(kind), 'EVENT_KIND_'),
    amount === 0n ? '' : sign + String(amount),
    String(entry.balanceAfter),
    String(entry.availableAfter),
    idText(counterpartyAccountId),
    by,
    reference,
  ];
}
