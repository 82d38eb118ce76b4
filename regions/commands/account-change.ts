import type { Command } from 'commander';

import {
  type ChangeAccountRequest,
  ChangeAccountResponse,
  ChangeStatus,
  Freeze,
} from '../../proto/gen/meridian/v1/account.ts';
import { findAccount } from './account-name.ts';
import {
  type CommandContext,
  type Limit,
  parseLimit,
  parseMinor,
  parsePair,
  routerCommand,
  withConnection,
} from './connection.ts';
import { CommandFailure, ExitCode } from './failure.ts';
import { againText, dryText, placeText, whyText } from './outcome.ts';
import { print, printJson } from './print.ts';
import { keyOf, type KeyOptions, withKeyOptions } from './transfer-request.ts';
import { protoJson } from './values/proto-json.ts';

interface ChangeOptions extends KeyOptions {
  readonly by: string;
  readonly why: string;
  readonly expectedVersion?: bigint;
}

type Change = ChangeAccountRequest['change'];

/** `meridian account freeze|unfreeze|close|reopen|limits|metadata` */
export function changeCommands(context: CommandContext): Command[] {
  return [
    freezeCommand(context),
    plainCommand('unfreeze', 'let an account be debited and credited again', context, {
      $case: 'freeze',
      value: Freeze.NONE,
    }),
    plainCommand('close', 'close an account that has no balance and no holds', context, {
      $case: 'close',
      value: {},
    }),
    plainCommand('reopen', 'open a closed account again', context, { $case: 'reopen', value: {} }),
    limitsCommand(context),
    metadataCommand(context),
  ];
}

function plainCommand(
  name: string,
  description: string,
  context: CommandContext,
  change: Change,
): Command {
  return changeCommand(name, description).action((account: string, options: ChangeOptions) =>
    applyChange(account, change, options, context),
  );
}

interface FreezeOptions extends ChangeOptions {
  readonly in?: boolean;
  readonly out?: boolean;
  readonly both?: boolean;
}

function freezeCommand(context: CommandContext): Command {
  return changeCommand('freeze', 'keep an account from being debited, credited or both', '--out')
    .option('--in', 'it may not be credited')
    .option('--out', 'it may not be debited')
    .option('--both', 'neither (the default)')
    .action((account: string, options: FreezeOptions) =>
      applyChange(account, { $case: 'freeze', value: sideOf(options) }, options, context),
    );
}

function sideOf({ in: into, out, both }: FreezeOptions): Freeze {
  if ([into, out, both].filter((given) => given === true).length > 1) {
    throw new CommandFailure(ExitCode.usage, 'give one of --in, --out and --both');
  }
  if (into) return Freeze.IN;
  return out ? Freeze.OUT : Freeze.BOTH;
}

interface LimitsOptions extends ChangeOptions {
  readonly min: Limit;
  readonly max: Limit;
}

function limitsCommand(context: CommandContext): Command {
  return changeCommand('limits', 'replace both limits of the balance', '--min 0 --max none')
    .requiredOption('--min <minor>', 'lowest balance in minor units, or "none"', parseLimit)
    .requiredOption('--max <minor>', 'highest balance in minor units, or "none"', parseLimit)
    .action((account: string, options: LimitsOptions) => {
      const value = { minBalance: limitOf(options.min), maxBalance: limitOf(options.max) };
      return applyChange(account, { $case: 'limits', value }, options, context);
    });
}

function limitOf(limit: Limit): bigint | undefined {
  return limit === 'none' ? undefined : limit;
}

type Pairs = Record<string, string>;

function metadataCommand(context: CommandContext): Command {
  return changeCommand('metadata', 'replace all metadata', 'owner=finance team=7')
    .argument('[name=value...]', 'the pairs that it is to have', parsePair)
    .option('--none', 'remove all')
    .action((account: string, pairs: Pairs, options: ChangeOptions & { none?: true }) => {
      // Without any pair it is an empty list.
      if ((Object.keys(pairs).length === 0) !== (options.none === true)) {
        throw new CommandFailure(ExitCode.usage, 'give pairs NAME=VALUE, or --none to remove all');
      }
      const value = { metadata: { ...pairs } };
      return applyChange(account, { $case: 'metadata', value }, options, context);
    });
}

/** A command that changes an account, without its action; `example` stands behind the account. */
function changeCommand(name: string, description: string, example = ''): Command {
  const account = `alice ${example}`.trimEnd();
  const command = routerCommand(name, description, [
    `account ${name} ${account} --by jane --why "ticket 4711"`,
  ]).argument('<account>', 'account: id, id:NUMBER, external id, name:TEXT or NAME@REGION');
  return withKeyOptions(command)
    .requiredOption('--by <who>', 'who changes it; kept in the journal')
    .requiredOption('--why <text>', 'why; kept in the journal')
    .option('--expected-version <number>', 'only if the account has this version', parseMinor);
}

function applyChange(
  name: string,
  change: Change,
  options: ChangeOptions,
  context: CommandContext,
): Promise<void> {
  return withConnection(options, context, async ({ client, clientFor }) => {
    const { id, homeRegion } = await findAccount(client, name);
    const { namespace, by, why, expectedVersion, dryRun = false } = options;
    const idempotencyKey = keyOf(options);
    const response = await clientFor(homeRegion).changeAccount({
      idempotencyKey,
      namespace,
      accountId: id,
      by,
      why,
      change,
      expectedVersion,
      dryRun,
    });
    if (response.status === ChangeStatus.REJECTED) context.exit(ExitCode.refused);
    if (options.json) {
      return printJson({ idempotencyKey, ...protoJson(ChangeAccountResponse, response) });
    }
    return print(describeChange(response));
  });
}

function describeChange(response: ChangeAccountResponse): string {
  const { status, changeId, position, dryRun } = response;
  const rejected = status === ChangeStatus.REJECTED;
  const outcome = rejected ? `rejected (${whyText(response)}); nothing was changed` : 'changed';
  const place = position && !dryRun ? ` at ${placeText(position)}` : '';
  return `${dryText(dryRun)}${outcome}${againText(response)}\nchange ${changeId}${place}`;
}
