import type { Command } from 'commander';

import type { RegionName } from '../../topology/layout.ts';
import { changeCommand, type ChangeOptions, runChange } from './change.ts';
import type { CommandContext } from '../connection.ts';
import { parseRegion } from './operator-options.ts';

/** `meridian switchover` */
export function switchoverCommand(context: CommandContext): Command {
  return changeCommand('switchover', 'move the leader of a book as planned: nothing is lost', [
    'switchover eu-west-1 --to us-east --why "kernel update" --dry-run',
    'switchover 1 --to eu-west --why OPS-4711 --yes',
  ])
    .argument('<book>', 'number or name of the book')
    .requiredOption('--to <region>', 'region that is to lead it', parseRegion)
    .action((book: string, options: ChangeOptions & { to: RegionName }) =>
      runChange({ kind: 'switchover', book, to: options.to }, options, context),
    );
}
