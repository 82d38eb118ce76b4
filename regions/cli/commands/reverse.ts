import type { Command } from 'commander';

import type { Transfer } from '../../../proto/gen/meridian/v1/transfer.ts';
import { accountOf } from './account-name.ts';
import { type CommandContext, parseMinor, routerCommand, withConnection } from '../connection.ts';
import { CommandFailure, ExitCode } from '../../terminal/failure.ts';
import { findTransfer, type LookUpOptions, withPayerOption } from './find-transfer.ts';
import { type RequestOptions, sendTransfer, withRequestOptions } from './transfer-request.ts';

interface ReverseOptions extends RequestOptions, LookUpOptions {
  readonly amount?: bigint;
}

/** `meridian reverse` */
export function reverseCommand(context: CommandContext): Command {
  const command = routerCommand('reverse', 'move money of a transfer back, in full or in part', [
    'reverse invoice-17',
    'reverse invoice-17 --amount 250 --key refund-17 --reference "one item came back"',
  ]).argument('<transfer>', 'id or key of the transfer');
  return withRequestOptions(withPayerOption(command))
    .option('--amount <minor>', 'amount in minor units (default: all that is left)', parseMinor)
    .action((name: string, options: ReverseOptions) =>
      withConnection(options, context, async (connection) => {
        const transfer = await findTransfer(connection.client, name, options);
        const { transferId, debitAccountId, creditAccountId } = transfer;
        checkAccounts(name, transfer);
        const payer = await accountOf(connection.client, creditAccountId);
        const action = { $case: 'reversal', value: { transferId } } as const;
        const amount = options.amount ?? 0n;
        const fields = { creditAccountId: debitAccountId, amount, action };
        return sendTransfer(fields, payer, options, connection, context);
      }),
    );
}

function checkAccounts(name: string, { debitAccountId, creditAccountId, legs }: Transfer): void {
  if (debitAccountId !== 0n && creditAccountId !== 0n) return;
  const ids = legs.map(({ transferId }) => transferId).join(', ');
  throw new CommandFailure(
    ExitCode.refused,
    `"${name}" is a group; its legs can be reversed, each by its id: ${ids}`,
  );
}
