import type { Command } from 'commander';

import { changeCommand, type ChangeOptions, runChange } from './change.ts';
import type { CommandContext } from './connection.ts';

const what = {
  fence: 'keep everybody from leading a book: it takes no payments',
  unfence: 'let a fenced book be led again',
} as const;

/** `meridian fence` and `meridian unfence` */
export function fenceCommands(context: CommandContext): Command[] {
  return (['fence', 'unfence'] as const).map((kind) =>
    changeCommand(kind, what[kind], [`${kind} eu-west-1 --why OPS-4711`])
      .argument('<book>', 'number or name of the book')
      .action((book: string, options: ChangeOptions) =>
        runChange({ kind, book }, options, context),
      ),
  );
}
