import type { Command } from 'commander';

import { Transfer } from '../../proto/gen/meridian/v1/transfer.ts';
import { idText } from './account-name.ts';
import { type CommandContext, parseWhole, routerCommand, withConnection } from './connection.ts';
import { kindText, statusAndWhy } from './describe-transfer.ts';
import { gather, type PageOptions, withPageOptions } from './pages.ts';
import { print, printJson } from './print.ts';
import { type ScopeOptions, scopeOf, withScopeOptions } from './scope.ts';
import { type Column, table } from './table.ts';
import {
  filterOfTerms,
  parseTransferId,
  parseMetadataTerm,
  parseStatus,
  type SearchTerms,
} from './values/filter.ts';
import { parseFilter } from './values/filter-json.ts';
import { instantText, parseInstant } from './values/instant.ts';
import { CODE_MAX } from './values/leg.ts';
import { protoJson } from './values/proto-json.ts';

interface TransfersOptions extends PageOptions, ScopeOptions, SearchTerms {}

const COLUMNS: readonly Column[] = [
  { title: 'decided at' },
  { title: 'kind' },
  { title: 'from', align: 'right' },
  { title: 'to', align: 'right' },
  { title: 'amount', align: 'right' },
  { title: 'status' },
  { title: 'reference' },
  { title: 'transfer' },
];

/** `meridian transfers` */
export function transfersCommand(context: CommandContext): Command {
  const command = withScopeOptions(
    routerCommand('transfers', 'search the transfers of a book or an account', [
      'transfers --account alice --code 7 --code 8 --status posted',
      'transfers --book eu-west-1 --metadata team=payroll --from 2026-11-01 --newest',
      `transfers --book eu-west-1 --filter '{"noneOf": {"status": "TRANSFER_STATUS_POSTED"}}'`,
    ]),
  )
    .option('--code <number>', 'of this kind of payment', listOf(parseWhole(0, CODE_MAX)))
    .option('--reference <text>', 'with this reference', listOf(String))
    .option(
      '--metadata <name[=value]>',
      'with this pair, or any of the name',
      listOf(parseMetadataTerm),
    )
    .option('--status <status>', 'such as posted, rejected, in-transit', listOf(parseStatus))
    .option('--hold <key|id>', 'captures and releases of this hold', listOf(parseTransferId))
    .option('--reversals-of <key|id>', 'reversals of this transfer', listOf(parseTransferId))
    .option(
      '--from <time>',
      'decided from this time on, such as 2026-11-21T09:30:00Z',
      parseInstant,
    )
    .option('--to <time>', 'decided before this time, such as 2026-12-01', parseInstant)
    .option('--filter <json>', 'a filter as in the proto', parseFilter)
    .addHelpText(
      'after',
      '\nAn option that is repeated means any of its values; different options must all pass.',
    );
  return withPageOptions(command).action((options: TransfersOptions) =>
    withConnection(options, context, async ({ client }) => {
      const filter = filterOfTerms(options);
      const scope = await scopeOf(options, client);
      const { items, complete } = await gather('transfers', options, async (page) => {
        const request = { scope, filter, ...page, options: undefined };
        const { transfers, nextPageToken } = await client.listTransfers(request);
        return { items: transfers, nextPageToken };
      });
      if (options.json) {
        const transfers = items.map((transfer) => protoJson(Transfer, transfer));
        return printJson({ transfers, complete });
      }
      await print(items.length > 0 ? table(COLUMNS, items.map(rowOf)) : 'No transfer passes.');
      if (!complete) await print('There are more; see --limit.');
    }),
  );
}

/** Gathers the values of an option that may be repeated. */
function listOf<T>(parse: (text: string) => T): (text: string, before?: readonly T[]) => T[] {
  return (text, before = []) => [...before, parse(text)];
}

function rowOf(transfer: Transfer): string[] {
  const { debitAccountId, creditAccountId, actualAmount, amount } = transfer;
  const moved = actualAmount > 0n ? actualAmount : amount;
  return [
    instantText(transfer.decidedAt),
    kindText(transfer),
    idText(debitAccountId),
    idText(creditAccountId),
    moved === 0n ? '' : String(moved),
    statusAndWhy(transfer),
    transfer.reference,
    transfer.transferId,
  ];
}
