import { Command } from 'commander';

import { Account, OpenAccountRequest } from '../../proto/gen/meridian/v1/ledger.ts';
import { findAccount, parseAccountId } from './account-name.ts';
import {
  type CommandContext,
  type ConnectionOptions,
  parseMinor,
  parsePair,
  routerCommand,
  withConnection,
} from './connection.ts';
import { CommandFailure, ExitCode } from './failure.ts';
import { print, printJson } from './print.ts';

/** `meridian account open|get|find` */
export function accountCommand(context: CommandContext): Command {
  return new Command('account')
    .description('open an account, or look one up')
    .addHelpText('after', '\nExample:\n  $ meridian account find alice')
    .addCommand(openCommand(context))
    .addCommand(getCommand(context))
    .addCommand(findCommand(context));
}

interface OpenOptions extends ConnectionOptions {
  readonly region: string;
  readonly asset: string;
  readonly min?: bigint | null;
  readonly max?: bigint;
  readonly metadata?: Record<string, string>;
}

function parseLimit(text: string): bigint | null {
  return text === 'none' ? null : parseMinor(text);
}

function openCommand(context: CommandContext): Command {
  return routerCommand('open', 'open an account; doing it again gives the same account', [
    'account open alice --region eu-west --asset EUR',
    'account open treasury --region us-east --asset USD --min none --metadata owner=finance',
  ])
    .argument('<external-id>', 'your name for the account, unique in its region')
    .requiredOption('--region <name>', 'region that the account is pinned to')
    .requiredOption('--asset <code>', 'what the account holds, such as EUR')
    .option('--min <minor>', 'lowest balance in minor units, or "none" (default: 0)', parseLimit)
    .option('--max <minor>', 'highest balance in minor units (default: none)', parseMinor)
    .option('--metadata <name=value>', 'a pair to keep with it; may be repeated', parsePair)
    .action((externalId: string, options: OpenOptions) =>
      withConnection(options, context, async ({ clientFor }) => {
        const { region, asset, min, max, metadata = {} } = options;
        const response = await clientFor(region).openAccount(
          OpenAccountRequest.create({
            externalId,
            homeRegion: region,
            asset,
            ...(min === null && { min: { $case: 'noMinBalance', value: true } }),
            ...(typeof min === 'bigint' && { min: { $case: 'minBalance', value: min } }),
            ...(max !== undefined && { max: { $case: 'maxBalance', value: max } }),
            metadata,
          }),
        );
        if (!response.account) {
          const field = response.differingField;
          const message = `account "${externalId}" exists in ${region} with another ${field}`;
          throw new CommandFailure(ExitCode.refused, message);
        }
        const { account, replayed } = response;
        if (options.json) return printJson({ account: Account.toJSON(account), replayed });
        if (replayed) await print('This account was open already.');
        return print(describeAccount(account));
      }),
    );
}

function getCommand(context: CommandContext): Command {
  return routerCommand('get', 'show an account and its balance', ['account get 281474976710657'])
    .argument('<id>', 'id of the account')
    .action((id: string, options: ConnectionOptions) =>
      withConnection(options, context, async ({ client }) => {
        const account = await findAccount(client, String(parseAccountId(id)));
        return options.json
          ? printJson({ account: Account.toJSON(account) })
          : print(describeAccount(account));
      }),
    );
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
          return printJson({ accounts: accounts.map((account) => Account.toJSON(account)) });
        }
        const none = `No account is called "${externalId}"${homeRegion && ` in ${homeRegion}`}.`;
        return print(accounts.map(describeAccount).join('\n\n') || none);
      }),
    );
}

/** An account for people, one field a line. */
export function describeAccount(account: Account): string {
  const fields: [string, string][] = [
    ['id', String(account.id)],
    ['external id', account.externalId],
    ['home region', `${account.homeRegion} (book ${account.book})`],
    ['asset', account.asset],
    ['balance', String(account.balance)],
    ['debits', String(account.debits)],
    ['credits', String(account.credits)],
    ['entries', String(account.version)],
    ['min balance', limitText(account.minBalance)],
    ['max balance', limitText(account.maxBalance)],
  ];
  for (const [name, value] of Object.entries(account.metadata)) fields.push([name, value]);
  return fields.map(([name, value]) => `${name.padEnd(12)} ${value}`).join('\n');
}

function limitText(value: bigint | undefined): string {
  return value === undefined ? 'none' : String(value);
}
