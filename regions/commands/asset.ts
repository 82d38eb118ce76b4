import { Command } from 'commander';

import {
  Asset,
  ListAssetsResponse,
  RegisterAssetResponse,
} from '../../proto/gen/meridian/v1/asset.ts';
import { SCALE_MAX } from '../../ledger/core/asset.ts';
import {
  type CommandContext,
  type ConnectionOptions,
  parseWhole,
  routerCommand,
  withConnection,
} from './connection.ts';
import { ExitCode } from './failure.ts';
import { dryText } from './outcome.ts';
import { print, printJson } from './print.ts';
import { type Column, table } from './table.ts';
import { protoJson } from './values/proto-json.ts';

/** `meridian asset register|list` */
export function assetCommand(context: CommandContext): Command {
  return new Command('asset')
    .description('register an asset with its scale, or list what there is')
    .addHelpText('after', '\nExample:\n  $ meridian asset list')
    .addCommand(registerCommand(context))
    .addCommand(listCommand(context));
}

interface RegisterOptions extends ConnectionOptions {
  readonly scale: number;
  readonly by: string;
  readonly why: string;
  readonly dryRun?: boolean;
}

function registerCommand(context: CommandContext): Command {
  return routerCommand('register', 'register an asset; its scale can never be changed', [
    'asset register POINTS --scale 0 --by jane --why "loyalty programme"',
    'asset register ETH --scale 9 --by jane --why "in gwei, so that amounts fit 64 bits"',
  ])
    .argument('<code>', '1 to 16 of A-Z, 0-9, "_", "." and "-"')
    .requiredOption(
      '--scale <digits>',
      'decimal digits of the minor unit',
      parseWhole(0, SCALE_MAX),
    )
    .requiredOption('--by <who>', 'who registers it; kept in the journal')
    .requiredOption('--why <text>', 'why; kept in the journal')
    .option('--dry-run', 'show what the outcome would be, and write nothing')
    .action((code: string, options: RegisterOptions) =>
      withConnection(options, context, async ({ client }) => {
        const { scale, by, why, dryRun = false } = options;
        const response = await client.registerAsset({ asset: code, scale, by, why, dryRun });
        if (response.differingField) context.exit(ExitCode.refused);
        if (options.json) return printJson(protoJson(RegisterAssetResponse, response));
        return print(describeRegistration(code, response));
      }),
    );
}

function describeRegistration(
  code: string,
  { asset, replayed, differingField, dryRun }: RegisterAssetResponse,
): string {
  const dry = dryText(dryRun);
  if (differingField) return `${dry}refused: ${code} is registered with another ${differingField}`;
  const known = replayed ? 'was registered already' : 'registered';
  return `${dry}${code} ${known}; scale ${asset?.scale ?? 0}, at most ${asset?.maxAmount}`;
}

const COLUMNS: readonly Column[] = [
  { title: 'asset' },
  { title: 'scale', align: 'right' },
  { title: 'largest amount', align: 'right' },
  { title: 'known from' },
];

function listCommand(context: CommandContext): Command {
  return routerCommand('list', 'list the assets and their scales', ['asset list']).action(
    (options: ConnectionOptions) =>
      withConnection(options, context, async ({ client }) => {
        const response = await client.listAssets({});
        if (options.json) return printJson(protoJson(ListAssetsResponse, response));
        return print(table(COLUMNS, response.assets.map(rowOf)));
      }),
  );
}

function rowOf({ asset, scale, maxAmount, iso4217 }: Asset): string[] {
  return [asset, String(scale), maxAmount, iso4217 ? 'ISO 4217' : 'registration'];
}
