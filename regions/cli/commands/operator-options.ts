import type { Command } from 'commander';

import type { ClusterState } from '../../topology/state.ts';
import type { BookCopies } from '../../operator/book-copies.ts';
import type { Operator } from '../../operator/operator.ts';
import { type CommandContext, dataOption, newCommand, startedCluster } from '../connection.ts';
import { note } from '../../terminal/print.ts';
import { whileWaiting } from './waiting.ts';

/** Options of every command of operators. */
export interface OperatorOptions {
  readonly data: string;
  readonly json?: boolean;
}

/** A command that looks at the books of an installation, or changes who leads them. */
export function operatorCommand(
  name: string,
  description: string,
  examples: readonly string[],
): Command {
  return newCommand(name, description, examples).addOption(dataOption());
}

/** Runs `work` with the operator of the installation in the data folder. */
export async function withOperator<T>(
  options: OperatorOptions,
  work: (operator: Operator) => Promise<T>,
): Promise<T> {
  const state = startedCluster(options);
  const { Operator } = await import('../../operator/operator.ts');
  const operator = new Operator(state);
  try {
    return await work(operator);
  } finally {
    await operator.close();
  }
}

/** Runs `work` with the books of the installation in the data folder, of either profile. */
export async function withBookCopies<T>(
  options: OperatorOptions,
  { signal }: CommandContext,
  work: (copies: BookCopies) => Promise<T>,
): Promise<T> {
  const state = startedCluster(options);
  const copies = await copiesOf(state);
  try {
    return await whileWaiting('Reading the books', signal, work(copies));
  } finally {
    await copies.close();
  }
}

async function copiesOf(state: ClusterState): Promise<BookCopies> {
  if (state.replicated === undefined) {
    const { EmbeddedBooks } = await import('../../operator/embedded-books.ts');
    return new EmbeddedBooks(state);
  }
  const { OperatedInstallation } = await import('../../operator/operated-installation.ts');
  return new OperatedInstallation(state);
}

/** Notes which books did not answer; the rest is shown without them. */
export function noteSilent(silent: readonly string[]): void {
  for (const book of silent) note(`no copy of ${book} answers: its part is missing`);
}
