import type { Command } from 'commander';

import { GetTransferResponse } from '../../../proto/gen/meridian/v1/transfer.ts';
import {
  type CommandContext,
  type ConnectionOptions,
  routerCommand,
  withConnection,
} from '../connection.ts';
import { describeTransfer } from './describe-transfer.ts';
import { ExitCode } from '../../terminal/failure.ts';
import { askForTransfer, type LookUpOptions, unitOf, withPayerOption } from './find-transfer.ts';
import { print, printJson } from '../../terminal/print.ts';
import { protoJson } from '../values/proto-json.ts';

/** `meridian transfer show` */
export function transferShowCommand(context: CommandContext): Command {
  const command = routerCommand('show', 'show what became of a transfer, by its key or id', [
    'transfer show invoice-17',
    'transfer show 0199d2c4-7b1e-7c30-9a54-3f0c6d2b8e11 --json',
    'transfer show invoice-17 --from alice',
  ]);
  return withPayerOption(command)
    .argument('<key-or-id>', 'idempotency key, or id (a UUID)')
    .option('--namespace <name>', 'namespace of the key', '')
    .action((name: string, options: ConnectionOptions & LookUpOptions) =>
      withConnection(options, context, async ({ client }) => {
        const response = await askForTransfer(client, name, options);
        const { transfer } = response;
        if (!transfer) context.exit(ExitCode.refused);
        if (options.json) return printJson(protoJson(GetTransferResponse, response));
        if (!transfer) return print(`"${name}" was never seen.`);
        return print(describeTransfer(transfer, await unitOf(client, transfer.debitAccountId)));
      }),
    );
}
