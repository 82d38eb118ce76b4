import { randomUUIDv7 } from 'node:crypto';

import type { Command } from 'commander';

import {
  CreateTransferRequest,
  CreateTransferResponse,
  reasonToJSON,
  TransferStatus,
  Wait,
} from '../../proto/gen/meridian/v1/ledger.ts';
import { findAccount } from './account-name.ts';
import {
  type CommandContext,
  type ConnectionOptions,
  parseMinor,
  parsePair,
  parseWhole,
  routerCommand,
  withConnection,
} from './connection.ts';
import { ExitCode } from './failure.ts';
import { note, print, printJson } from './print.ts';

interface TransferOptions extends ConnectionOptions {
  readonly from: string;
  readonly to: string;
  readonly amount: bigint;
  readonly key?: string;
  readonly namespace: string;
  readonly asset: string;
  readonly code: number;
  readonly reference: string;
  readonly metadata?: Record<string, string>;
  readonly wait: boolean;
}

/** `meridian transfer` */
export function transferCommand(context: CommandContext): Command {
  return routerCommand('transfer', 'move money from one account to another, once per key', [
    'transfer --from alice --to bob --amount 1250',
    'transfer --from alice --to bob --amount 1250 --key invoice-17 --reference "invoice 17"',
  ])
    .requiredOption('--from <account>', 'account to debit: its id or external id')
    .requiredOption('--to <account>', 'account to credit: its id or external id')
    .requiredOption('--amount <minor>', 'amount in minor units', parseMinor)
    .option('--key <key>', 'idempotency key; repeating it never pays twice (default: a new one)')
    .option('--namespace <name>', 'keeps your keys apart from those of others', '')
    .option('--asset <code>', 'reject the transfer unless both accounts hold this', '')
    .option('--code <number>', 'kind of payment, your numbering', parseWhole(0, 2 ** 31 - 1), 0)
    .option('--reference <text>', 'your reference', '')
    .option('--metadata <name=value>', 'a pair to keep with it; may be repeated', parsePair)
    .option('--no-wait', "do not wait for the payee's region")
    .action((options: TransferOptions) =>
      withConnection(options, context, async ({ client, clientFor }) => {
        const [payer, payee] = await Promise.all([
          findAccount(client, options.from),
          findAccount(client, options.to),
        ]);
        const key = options.key ?? randomUUIDv7();
        // Said before it is sent: whoever is cut off here can ask again with this key.
        if (options.key === undefined) note(`key ${key}`);
        const response = await clientFor(payer.homeRegion).createTransfer(
          CreateTransferRequest.create({
            idempotencyKey: key,
            namespace: options.namespace,
            debitAccountId: payer.id,
            creditAccountId: payee.id,
            amount: options.amount,
            asset: options.asset,
            code: options.code,
            reference: options.reference,
            metadata: options.metadata ?? {},
            wait: options.wait ? Wait.SETTLED : Wait.POSTED,
          }),
        );
        const { status } = response;
        const refused = status === TransferStatus.REJECTED || status === TransferStatus.RETURNED;
        if (refused) context.exit(ExitCode.refused);
        if (options.json) {
          const result = CreateTransferResponse.toJSON(response);
          return printJson({ idempotencyKey: key, ...Object(result) });
        }
        return print(describe(response));
      }),
    );
}

function describe(response: CreateTransferResponse): string {
  const { transferId, replayed, position, differingField } = response;
  const reason = reasonToJSON(response.reason)
    .replace(/^REASON_/u, '')
    .toLowerCase();
  const why = differingField ? `${reason}: ${differingField} differs` : reason;
  const words: Record<number, string> = {
    [TransferStatus.POSTED]: 'posted',
    [TransferStatus.IN_TRANSIT]:
      "in transit: the payer is debited, the payee's book has yet to answer",
    [TransferStatus.REJECTED]: `rejected (${why}); nothing was moved`,
    [TransferStatus.RETURNED]: `returned (${why}); the payer has the money back`,
  };
  const again = replayed ? ', as answered before' : '';
  const place = position ? ` at ${position.book}/${position.epoch}/${position.seq}` : '';
  return `${words[response.status] ?? 'of unknown status'}${again}\ntransfer ${transferId}${place}`;
}
