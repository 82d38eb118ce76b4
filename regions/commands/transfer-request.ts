import { randomUUID } from 'node:crypto';

import type { Command } from 'commander';

import type { Account } from '../../proto/gen/meridian/v1/account.ts';
import {
  CreateTransferRequest,
  CreateTransferResponse,
  Wait,
} from '../../proto/gen/meridian/v1/transfer.ts';
import {
  type CommandContext,
  type Connection,
  type ConnectionOptions,
  parsePair,
  parseWhole,
} from './connection.ts';
import { ExitCode } from './failure.ts';
import { describeOutcome, isRefusal } from './outcome.ts';
import { note, print, printJson } from './print.ts';
import { CODE_MAX } from './values/leg.ts';
import { protoJson } from './values/proto-json.ts';

/** Options of every command that changes something once per key. */
export interface KeyOptions extends ConnectionOptions {
  readonly key?: string;
  readonly namespace: string;
  readonly dryRun?: boolean;
}

/** Options of every command that sends a transfer, of whatever kind. */
export interface RequestOptions extends KeyOptions {
  readonly code: number;
  readonly reference: string;
  readonly metadata?: Record<string, string>;
  readonly wait: boolean;
}

/** What a command adds to the common fields. */
export type RequestFields = Parameters<typeof CreateTransferRequest.create>[0];

export function withKeyOptions(command: Command): Command {
  return command
    .option('--key <key>', 'idempotency key; repeating it never does it twice (default: a new one)')
    .option('--namespace <name>', 'keeps your keys apart from those of others', '')
    .option('--dry-run', 'show what the outcome would be, and write nothing');
}

export function withRequestOptions(command: Command): Command {
  return withKeyOptions(command)
    .option('--code <number>', 'kind of payment, your numbering', parseWhole(0, CODE_MAX), 0)
    .option('--reference <text>', 'your reference', '')
    .option('--metadata <name=value>', 'a pair to keep with it; may be repeated', parsePair)
    .option('--no-wait', "do not wait for the payee's region");
}

/** The key to send. A new one is said before: whoever is cut off can ask again with it. */
export function keyOf({ key, dryRun }: KeyOptions): string {
  if (key !== undefined) return key;
  const made = randomUUID();
  if (!dryRun) note(`key ${made}`);
  return made;
}

/**
 * Sends a transfer to the payer's region and prints what became of it; a refusal sets the exit
 * code. `describe` says it to people.
 */
export async function sendTransfer(
  fields: RequestFields,
  payer: Account,
  options: RequestOptions,
  { clientFor }: Connection,
  context: CommandContext,
  describe: typeof describeOutcome = describeOutcome,
): Promise<void> {
  const request = CreateTransferRequest.create({
    idempotencyKey: keyOf(options),
    namespace: options.namespace,
    debitAccountId: payer.id,
    code: options.code,
    reference: options.reference,
    metadata: options.metadata ?? {},
    wait: options.wait ? Wait.SETTLED : Wait.POSTED,
    dryRun: options.dryRun === true,
    ...fields,
  });
  const response = await clientFor(payer.homeRegion).createTransfer(request);
  if (isRefusal(response.status)) context.exit(ExitCode.refused);
  if (options.json) {
    const result = protoJson(CreateTransferResponse, response);
    return printJson({ idempotencyKey: request.idempotencyKey, ...result });
  }
  return print(describe(request, response, payer));
}
