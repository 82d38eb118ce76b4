import { must } from '../../core/assert.ts';
import type { Command, Outcome } from '../../core/post/command.ts';
import { commandKinds } from '../../core/post/command-kinds.ts';
import { rowsOfCommand } from '../../core/post/post.ts';
import type { AssetWork, CommandWork } from '../work.ts';
import { BatchPart, type CommandList, type Publication, type WorkKind } from './batch-part.ts';

/** Work that is one command, whose outcome is the answer. */
interface OutcomeWork {
  // A method, for each work takes the outcome of its own kind of command alone.
  onOutcome(outcome: Outcome): void;
}

/** The works of a batch that are one command each. */
export class CommandPart<W extends OutcomeWork> extends BatchPart {
  readonly #works: readonly { readonly work: W; readonly command: Command }[];
  /** Place of the first of their commands in the batch. */
  #first = 0;
  #outcomes: readonly Outcome[] = [];

  constructor(works: readonly W[], commandOf: (work: W) => Command) {
    super();
    this.#works = works.map((work) => ({ work, command: commandOf(work) }));
  }

  plan({ commands }: CommandList): void {
    this.#first = commands.length;
    for (const { command } of this.#works) commands.push(command);
  }

  answer(outcomes: readonly Outcome[]): void {
    this.#outcomes = outcomes.slice(this.#first, this.#first + this.#works.length);
  }

  publish({ waiters, last }: Publication): void {
    for (const [place, { work, command }] of this.#works.entries()) {
      const outcome = must(this.#outcomes[place], 'every command has an outcome');
      if (command.kind === 'recover') waiters.forget(command.peerBook);
      if (command.kind !== 'close') {
        work.onOutcome(outcome);
        continue;
      }
      // Callers of this very batch may wait for what is closed in it.
      last.push(() => {
        work.onOutcome(outcome);
        waiters.settle(command);
      });
    }
  }
}

export const command: WorkKind<CommandWork, CommandPart<CommandWork>> = {
  rows: (work) => rowsOfCommand(work.command.kind, work.command),
  evenAfterLoss: (work) => commandKinds[work.command.kind].evenAfterLoss === true,
  newPart: (works) => new CommandPart(works, (work) => work.command),
};

export const asset: WorkKind<AssetWork, CommandPart<AssetWork>> = {
  rows: () => 1,
  bounded: true,
  newPart: (works) => new CommandPart(works, ({ request }) => ({ kind: 'asset', request })),
};
