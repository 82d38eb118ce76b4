import { Batch } from './batch.ts';
import type { BatchEffects, BookState } from './book-state.ts';
import type { Command, CommandName, CommandOf, Outcome, OutcomeOf } from './command.ts';
import type { Needs } from './command-kind.ts';
import { commandKinds } from './command-kinds.ts';
import { addTransferNeeds, postTransfer } from './post-transfer.ts';

/**
 * Executes commands in order, each seeing what the ones before it did. A pure function of its
 * arguments: no I/O, no clock. No id of a transfer or change may be known to the journal or
 * occur twice.
 *
 * @param atMicros time of the batch, later than that of any batch before it
 */
export function post(
  state: BookState,
  commands: readonly Command[],
  atMicros: number,
): BatchEffects {
  const batch = new Batch(state, atMicros);
  const outcomes = commands.map((command) => execute(batch, command));
  const { rows, opened, accounts, channels, originals, registered, swept } = batch;
  const posted = { outcomes, rows, opened, accounts, channels, originals, registered, swept };
  return { ...posted, regionBooks: batch.newRegionBooks };
}

// Transfers are nearly all there is. They are called by name: a call through the table, whose
// target differs from command to command, is never inlined.

function execute(batch: Batch, command: Command): Outcome {
  if (command.kind === 'transfer') return postTransfer(batch, command);
  return executeAs(command.kind, batch, command);
}

function executeAs<K extends CommandName>(
  kind: K,
  batch: Batch,
  command: CommandOf<K>,
): OutcomeOf<K> {
  return commandKinds[kind].post(batch, command);
}

/**
 * Returns what the commands may look at in the state of a book, except the accounts of the
 * originals themselves.
 */
export function needsOf(commands: readonly Command[], book: number): Needs {
  const needs: Needs = { book, accounts: [], originals: new Set() };
  for (const command of commands) {
    if (command.kind === 'transfer') addTransferNeeds(needs, command.request);
    else addNeedsAs(command.kind, needs, command);
  }
  return needs;
}

function addNeedsAs<K extends CommandName>(kind: K, needs: Needs, command: CommandOf<K>): void {
  commandKinds[kind].addNeeds(needs, command);
}

/** How many rows of the journal a command may lead to, about. */
export function rowsOfCommand<K extends CommandName>(kind: K, command: CommandOf<K>): number {
  return commandKinds[kind].rows(command);
}
