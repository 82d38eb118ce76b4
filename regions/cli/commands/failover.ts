import type { Command } from 'commander';

import type { RegionName } from '../../topology/layout.ts';
import { changeCommand, type ChangeOptions, runChange } from './change.ts';
import type { CommandContext } from '../connection.ts';
import { parseRegion } from './operator-options.ts';

interface FailoverOptions extends ChangeOptions {
  readonly to: RegionName;
  readonly acceptLoss?: boolean;
}

/** `meridian failover` */
export function failoverCommand(context: CommandContext): Command {
  return changeCommand('failover', 'give a book whose leader is gone to another region', [
    'failover eu-west-1 --to us-east --why "eu-west is on fire" --dry-run',
  ])
    .argument('<book>', 'number or name of the book')
    .requiredOption('--to <region>', 'region that is to lead it', parseRegion)
    .option('--accept-loss', 'also to a copy that may lack acknowledged transfers; it is recorded')
    .action((book: string, options: FailoverOptions) => {
      const acceptLoss = options.acceptLoss === true;
      return runChange({ kind: 'failover', book, to: options.to, acceptLoss }, options, context);
    });
}
