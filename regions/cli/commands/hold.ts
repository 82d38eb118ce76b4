import { Command } from 'commander';

import { Transfer } from '../../../proto/gen/meridian/v1/transfer.ts';
import { accountOf } from './account-name.ts';
import {
  type CommandContext,
  type ConnectionOptions,
  parseMinor,
  routerCommand,
  withConnection,
} from '../connection.ts';
import { describeTransfer } from './describe-transfer.ts';
import { findHold, type LookUpOptions, unitOf, withPayerOption } from './find-transfer.ts';
import { print, printJson } from '../../terminal/print.ts';
import {
  type RequestFields,
  type RequestOptions,
  sendTransfer,
  withRequestOptions,
} from './transfer-request.ts';
import { accountsOf, fieldsOf, type TransferOptions, withTransferOptions } from './transfer.ts';
import { parseDuration } from '../values/duration.ts';
import { protoJson } from '../values/proto-json.ts';

/** `meridian hold create|capture|release|show` */
export function holdCommand(context: CommandContext): Command {
  return new Command('hold')
    .description('reserve money, and capture or release it later')
    .addHelpText(
      'after',
      '\nExample:\n  $ meridian hold create --from alice --to shop --amount 5000 --key order-9 --expires-in 15m' +
        '\n  $ meridian hold capture order-9 --amount 4200 --final',
    )
    .addCommand(createCommand(context))
    .addCommand(captureCommand(context))
    .addCommand(releaseCommand(context))
    .addCommand(showCommand(context));
}

interface CreateOptions extends TransferOptions {
  readonly expiresIn?: number;
}

function createCommand(context: CommandContext): Command {
  const command = routerCommand('create', 'reserve an amount of one account for another', [
    'hold create --from alice --to shop --amount 5000 --expires-in 15m',
    'hold create --from alice --to shop --amount 5000 --key order-9',
  ]);
  return withTransferOptions(command)
    .option(
      '--expires-in <duration>',
      'such as 90s, 15m, 1h30m, 7d (default: never)',
      parseDuration,
    )
    .action((options: CreateOptions) =>
      withConnection(options, context, async (connection) => {
        const accounts = await accountsOf(options, connection.client);
        const action = {
          $case: 'hold',
          value: { timeoutSeconds: options.expiresIn ?? 0 },
        } as const;
        const fields = { ...fieldsOf(options, accounts), action };
        return sendTransfer(fields, accounts.get(options.from), options, connection, context);
      }),
    );
}

const HOLD_ARGUMENT = ['<hold>', 'id or key of the hold'] as const;

interface EndOptions extends RequestOptions, LookUpOptions {}

interface CaptureOptions extends EndOptions {
  readonly amount?: bigint;
  readonly final?: boolean;
}

function captureCommand(context: CommandContext): Command {
  const command = routerCommand('capture', 'move what a hold has reserved, in full or in part', [
    'hold capture order-9',
    'hold capture order-9 --amount 4200 --final',
  ]);
  return withRequestOptions(withPayerOption(command.argument(...HOLD_ARGUMENT)))
    .option('--amount <minor>', 'amount in minor units (default: all that is left)', parseMinor)
    .option('--final', 'release what is left after it')
    .action((name: string, options: CaptureOptions) =>
      endHold(name, options, context, ({ transferId }) => ({
        amount: options.amount ?? 0n,
        action: { $case: 'capture', value: { holdId: transferId, final: options.final === true } },
      })),
    );
}

function releaseCommand(context: CommandContext): Command {
  const command = routerCommand('release', 'free all that is left of a hold', [
    'hold release order-9',
  ]);
  return withRequestOptions(withPayerOption(command.argument(...HOLD_ARGUMENT))).action(
    (name: string, options: EndOptions) =>
      endHold(name, options, context, ({ transferId }) => ({
        action: { $case: 'release', value: { holdId: transferId } },
      })),
  );
}

/** Sends what captures or releases a hold; its payer is looked up. */
function endHold(
  name: string,
  options: EndOptions,
  context: CommandContext,
  fields: (hold: Transfer) => RequestFields,
): Promise<void> {
  return withConnection(options, context, async (connection) => {
    const hold = await findHold(connection.client, name, options);
    const payer = await accountOf(connection.client, hold.debitAccountId);
    return sendTransfer(fields(hold), payer, options, connection, context);
  });
}

function showCommand(context: CommandContext): Command {
  const command = routerCommand('show', 'show what is left of a hold and when it expires', [
    'hold show order-9',
  ]);
  return withPayerOption(command)
    .argument(...HOLD_ARGUMENT)
    .option('--namespace <name>', 'namespace of the key', '')
    .action((name: string, options: ConnectionOptions & LookUpOptions) =>
      withConnection(options, context, async ({ client }) => {
        const hold = await findHold(client, name, options);
        if (options.json) {
          return printJson({ hold: protoJson(Transfer, hold) });
        }
        return print(describeTransfer(hold, await unitOf(client, hold.debitAccountId)));
      }),
    );
}
