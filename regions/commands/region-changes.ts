import type { Command } from 'commander';

import type { RegionName } from '../local/layout.ts';
import { changeCommand, type ChangeOptions, runChange } from './change.ts';
import type { CommandContext } from './connection.ts';
import { parseRegion } from './operator-options.ts';

const what = {
  drain: 'take a region out of use: no calls of load balancers, no book led there',
  undrain: 'put a drained region to use again; books stay where they are led',
  evacuate: 'drain a region, wait until nothing depends on it, say if it may be switched off',
  failback: 'put a region to use again and bring its books home',
} as const;

/** `meridian drain`, `undrain`, `evacuate` or `failback` */
export function regionCommand(kind: keyof typeof what, context: CommandContext): Command {
  return changeCommand(kind, what[kind], [`${kind} eu-west --why OPS-4711`])
    .argument('<region>', 'the region', parseRegion)
    .action((region: RegionName, options: ChangeOptions) =>
      runChange({ kind, region }, options, context),
    );
}
