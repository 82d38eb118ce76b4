import { Command, Option } from 'commander';

import { UpTo } from '../../../proto/gen/meridian/v1/movement.ts';
import { NamedAccounts } from './account-name.ts';
import { type CommandContext, parseMinor, routerCommand, withConnection } from '../connection.ts';
import { type RequestOptions, sendTransfer, withRequestOptions } from './transfer-request.ts';
import { transferShowCommand } from './transfer-show.ts';
import {
  accountsOfConditions,
  type ConditionTerms,
  conditionsOf,
  parseAccountValue,
} from '../values/condition.ts';
import { UP_TO } from '../values/leg.ts';

/** Options of a transfer and of a hold. */
export interface TransferOptions extends RequestOptions, ConditionTerms {
  readonly from: string;
  readonly to: string;
  readonly amount: bigint;
  readonly asset: string;
  readonly upTo?: keyof typeof UP_TO;
  readonly allowZero: boolean;
}

/** `meridian transfer` and `meridian transfer show` */
export function transferCommand(context: CommandContext): Command {
  // Without a subcommand it is `create`, whose help it shows as well.
  return new Command('transfer')
    .description('move money from one account to another, or show what became of it')
    .helpOption(false)
    .enablePositionalOptions()
    .addCommand(createCommand(context), { isDefault: true })
    .addCommand(transferShowCommand(context));
}

function createCommand(context: CommandContext): Command {
  const command = routerCommand('create', 'move money from one account to another, once per key', [
    'transfer --from alice --to bob --amount 1250',
    'transfer --from alice --to bob --amount 1250 --key invoice-17 --reference "invoice 17"',
    'transfer --from alice --to bob --amount 5000 --up-to debit --if-at-least alice=100',
    'transfer show invoice-17',
  ]);
  return withTransferOptions(command).action((options: TransferOptions) =>
    withConnection(options, context, async (connection) => {
      const accounts = await accountsOf(options, connection.client);
      const payer = accounts.get(options.from);
      return sendTransfer(fieldsOf(options, accounts), payer, options, connection, context);
    }),
  );
}

export function withTransferOptions(command: Command): Command {
  const both = withRequestOptions(
    command
      .requiredOption(
        '--from <account>',
        'account to debit: its id, external id or EXTERNAL_ID@REGION',
      )
      .requiredOption(
        '--to <account>',
        'account to credit: its id, external id or EXTERNAL_ID@REGION',
      )
      .requiredOption('--amount <minor>', 'amount in minor units', parseMinor),
  );
  return both
    .option(
      '--asset <code>',
      'reject it unless both accounts hold this; EUR/2 checks the scale',
      '',
    )
    .addOption(
      new Option(
        '--up-to <side>',
        'as much of the amount as the limits of this side allow',
      ).choices(Object.keys(UP_TO)),
    )
    .option('--allow-zero', 'with --up-to: apply it also if the limits leave nothing', false)
    .option(
      '--if-at-least <account=minor>',
      'only if at least this amount is available; may be repeated',
      parseAccountValue,
    )
    .option(
      '--if-at-most <account=minor>',
      'only if its balance is no higher; may be repeated',
      parseAccountValue,
    )
    .option(
      '--if-version <account=number>',
      'only if it has this version; may be repeated',
      parseAccountValue,
    );
}

/** Looks up every account that the options name. */
export function accountsOf(
  options: TransferOptions,
  client: Parameters<typeof NamedAccounts.find>[0],
): Promise<NamedAccounts> {
  return NamedAccounts.find(client, [options.from, options.to, ...accountsOfConditions(options)]);
}

export function fieldsOf(options: TransferOptions, accounts: NamedAccounts) {
  const { to, amount, asset, upTo, allowZero } = options;
  return {
    creditAccountId: accounts.idOf(to),
    amount,
    asset,
    upTo: upTo ? UP_TO[upTo] : UpTo.UNSPECIFIED,
    allowZero,
    conditions: conditionsOf(options, accounts.idOf),
  };
}
