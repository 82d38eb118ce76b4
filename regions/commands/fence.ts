import type { Command } from 'commander';

import { changeCommand, type ChangeOptions, runChange } from './change.ts';
import type { CommandContext } from './connection.ts';

const what = {
  fence: 'keep everybody from leading a book: it takes no payments',
  unfence: 'let a fenced book be led again',
} as const;

/** `meridian fence` or `meridian unfence` */
export function fenceCommand(kind: keyof typeof what, context: CommandContext): Command {
  return changeCommand(kind, what[kind], [`${kind} eu-west-1 --why OPS-4711`])
    .argument('<book>', 'number or name of the book')
    .action((book: string, options: ChangeOptions) => runChange({ kind, book }, options, context));
}
