import { readFileSync } from 'node:fs';

import { type Command, InvalidArgumentError } from 'commander';

import type {
  CreateTransferRequest,
  CreateTransferResponse,
} from '../../../proto/gen/meridian/v1/transfer.ts';
import { NamedAccounts } from './account-name.ts';
import { type CommandContext, routerCommand, withConnection } from '../connection.ts';
import { CommandFailure, ExitCode } from '../../terminal/failure.ts';
import { describeOutcome, statusText, whyText } from './outcome.ts';
import { type Column, table } from '../../terminal/table.ts';
import { type RequestOptions, sendTransfer, withRequestOptions } from './transfer-request.ts';
import { amountText } from '../values/amount.ts';
import { accountsOfLeg, legOf, type NamedLeg, parseLeg, readLegs } from '../values/leg.ts';

interface GroupOptions extends RequestOptions {
  readonly leg?: readonly NamedLeg[];
  readonly file?: readonly NamedLeg[];
}

const MORE_HELP = `
An exchange is two legs, each in its own asset, through liquidity accounts; the rate is kept:
  $ meridian group --leg alice-eur:fx-eur:1000 --leg fx-usd:bob-usd:1083 --metadata rate=1.0832

A file has a JSON array of legs, which may do what transfers can:
  [{"from": "alice", "to": "shop", "amount": "5000", "asset": "EUR/2", "code": 7,
    "reference": "order 9", "metadata": {"item": "book"}, "upTo": "debit",
    "ifAtLeast": {"alice": "100"}, "ifAtMost": {"shop": "99999"}, "ifVersion": {"alice": 3}},
   {"from": "alice", "to": "shop", "amount": 500, "hold": {"timeoutSeconds": 900}},
   {"from": "alice", "amount": 500, "capture": {"holdId": "ID", "final": true}},
   {"from": "alice", "release": {"holdId": "ID"}},
   {"from": "shop", "to": "alice", "amount": 50, "reversal": {"transferId": "ID"}}]`;

/** `meridian group` */
export function groupCommand(context: CommandContext): Command {
  const command = routerCommand('group', 'do several transfers, all or none', [
    'group --leg alice:shop:4900 --leg alice:fees:100',
    'group --file legs.json --dry-run',
  ]).addHelpText('after', MORE_HELP);
  return withRequestOptions(command)
    .option('--leg <from:to:amount[:code]>', 'a leg in minor units; may be repeated', parseLeg)
    .option('--file <file>', 'JSON file of legs', readFile)
    .action((options: GroupOptions) => {
      const named = legsOf(options);
      return withConnection(options, context, async (connection) => {
        const accounts = await NamedAccounts.find(connection.client, named.flatMap(accountsOfLeg));
        const legs = named.map((leg) => legOf(leg, accounts.idOf));
        const payer = accounts.get(named[0]?.from ?? '');
        const fields = { debitAccountId: 0n, action: { $case: 'group', value: { legs } } } as const;
        const describe = (request: CreateTransferRequest, response: CreateTransferResponse) =>
          `${describeOutcome(request, response, payer)}\n${legTable(named, accounts, response)}`;
        return sendTransfer(fields, payer, options, connection, context, describe);
      });
    });
}

function legsOf({ leg, file }: GroupOptions): readonly NamedLeg[] {
  const legs = leg ?? file;
  if (legs && !(leg && file)) return legs;
  throw new CommandFailure(ExitCode.usage, 'give either --leg, once or more, or --file');
}

function readFile(file: string): NamedLeg[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
  return readLegs(text, file);
}

const COLUMNS: readonly Column[] = [
  { title: 'leg', align: 'right' },
  { title: 'from' },
  { title: 'to' },
  { title: 'amount', align: 'right' },
  { title: 'outcome' },
  { title: 'transfer' },
];

function legTable(
  legs: readonly NamedLeg[],
  accounts: NamedAccounts,
  { group }: CreateTransferResponse,
): string {
  const rows = (group?.legs ?? []).map((outcome, index) => {
    const { from = '', to = '', amount = 0n } = legs[index] ?? {};
    const moved = outcome.actualAmount > 0n ? outcome.actualAmount : amount;
    const why = outcome.reason === 0 ? '' : ` (${whyText(outcome)})`;
    return [
      String(index),
      from,
      to,
      amountText(moved, accounts.get(from)),
      statusText(outcome.status) + why,
      outcome.transferId,
    ];
  });
  return table(COLUMNS, rows);
}
