import { Command } from 'commander';

import {
  Account,
  type GetAccountRequest,
  OpenAccountRequest,
  OpenAccountResponse,
} from '../../proto/gen/meridian/v1/account.ts';
import { changeCommands } from './account-change.ts';
import { accountHistoryCommand } from './account-history.ts';
import { accountOf, findAccount } from './account-name.ts';
import {
  type CommandContext,
  type ConnectionOptions,
  type Limit,
  parseLimit,
  parseMinor,
  parsePair,
  routerCommand,
  withConnection,
} from './connection.ts';
import { describeAccount } from './describe-account.ts';
import { CommandFailure, ExitCode } from './failure.ts';
import { dryText, whyText } from './outcome.ts';
import { print, printJson } from './print.ts';
import { parseInstant } from './values/instant.ts';
import { protoJson } from './values/proto-json.ts';

/** `meridian account`: open one, look it up, change it */
export function accountCommand(context: CommandContext): Command {
  const account = new Command('account')
    .description('open an account, look one up, freeze, close or change it')
    .addHelpText('after', '\nExample:\n  $ meridian account find alice')
    .addCommand(openCommand(context))
    .addCommand(getCommand(context))
    .addCommand(findCommand(context))
    .addCommand(accountHistoryCommand(context));
  for (const command of changeCommands(context)) account.addCommand(command);
  return account;
}

interface OpenOptions extends ConnectionOptions {
  readonly region: string;
  readonly asset: string;
  readonly min?: Limit;
  readonly max?: Limit;
  readonly metadata?: Record<string, string>;
  readonly dryRun?: boolean;
}

function openCommand(context: CommandContext): Command {
  return routerCommand('open', 'open an account; doing it again gives the same account', [
    'account open alice --region eu-west --asset EUR',
    'account open treasury --region us-east --asset USD --min none --metadata owner=finance',
  ])
    .argument('<external-id>', 'your name for the account, unique in its region')
    .requiredOption('--region <name>', 'region that the account is pinned to')
    .requiredOption('--asset <code>', 'what it holds, such as EUR; EUR/2 checks the scale')
    .option('--min <minor>', 'lowest balance in minor units, or "none" (default: 0)', parseLimit)
    .option('--max <minor>', 'highest balance in minor units (default: none)', parseLimit)
    .option('--metadata <name=value>', 'a pair to keep with it; may be repeated', parsePair)
    .option('--dry-run', 'show what the outcome would be, and write nothing')
    .action((externalId: string, options: OpenOptions) =>
      withConnection(options, context, async ({ clientFor }) => {
        const { region, asset, min, max, metadata = {} } = options;
        const response = await clientFor(region).openAccount(
          OpenAccountRequest.create({
            externalId,
            homeRegion: region,
            asset,
            ...(min === 'none' && { min: { $case: 'noMinBalance', value: true } }),
            ...(typeof min === 'bigint' && { min: { $case: 'minBalance', value: min } }),
            ...(max === 'none' && { max: { $case: 'noMaxBalance', value: true } }),
            ...(typeof max === 'bigint' && { max: { $case: 'maxBalance', value: max } }),
            metadata,
            dryRun: options.dryRun === true,
          }),
        );
        const { account, replayed, resent } = response;
        if (!account) context.exit(ExitCode.refused);
        if (options.json) return printJson(protoJson(OpenAccountResponse, response));
        const dry = dryText(response.dryRun);
        if (!account) return print(`${dry}refused (${whyText(response)}); nothing was opened`);
        // A router that sent it twice cannot know which of both opened the account.
        const here = resent === true ? ', or was opened by this call' : '';
        if (response.dryRun) await print('Dry run, nothing is written.');
        if (replayed) await print(`This account was open already${here}.`);
        return print(describeAccount(account));
      }),
    );
}

interface GetOptions extends ConnectionOptions {
  readonly at?: ReturnType<typeof parseInstant>;
  readonly atSeq?: bigint;
}

function getCommand(context: CommandContext): Command {
  return routerCommand('get', 'show an account and its balances, now or as they were', [
    'account show alice',
    'account get 281474976710657 --at 2026-11-21T09:30:00Z',
  ])
    .alias('show')
    .argument('<account>', 'account: id, id:NUMBER, external id, name:TEXT or NAME@REGION')
    .option('--at <time>', 'as it was at this time, such as 2026-11-21T09:30:00Z', parseInstant)
    .option('--at-seq <number>', "as it was after this place of its book's journal", parseMinor)
    .action((name: string, options: GetOptions) =>
      withConnection(options, context, async ({ client }) => {
        const asOf = asOfOf(options);
        const found = await findAccount(client, name);
        const account = asOf ? await accountOf(client, found.id, asOf) : found;
        return options.json
          ? printJson({ account: protoJson(Account, account) })
          : print(describeAccount(account));
      }),
    );
}

function asOfOf({ at, atSeq }: GetOptions): GetAccountRequest['asOf'] {
  if (at && atSeq !== undefined) {
    throw new CommandFailure(ExitCode.usage, 'give either --at or --at-seq, not both');
  }
  if (at) return { $case: 'asOfTime', value: at };
  return atSeq === undefined ? undefined : { $case: 'asOfSeq', value: atSeq };
}

function findCommand(context: CommandContext): Command {
  return routerCommand('find', 'find accounts by their external id', ['account find alice'])
    .argument('<external-id>', 'your name for the account')
    .option('--region <name>', 'look in this region only')
    .action((externalId: string, options: ConnectionOptions & { region?: string }) =>
      withConnection(options, context, async ({ client }) => {
        const homeRegion = options.region ?? '';
        const { accounts } = await client.findAccounts({ externalId, homeRegion });
        if (accounts.length === 0) context.exit(ExitCode.refused);
        if (options.json) {
          return printJson({ accounts: accounts.map((account) => protoJson(Account, account)) });
        }
        const none = `No account is called "${externalId}"${homeRegion && ` in ${homeRegion}`}.`;
        return print(accounts.map(describeAccount).join('\n\n') || none);
      }),
    );
}
