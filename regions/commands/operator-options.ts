import { type Command, InvalidArgumentError } from 'commander';

import { type RegionName, regionNames } from '../local/layout.ts';
import type { BookCopies } from '../operator/book-copies.ts';
import { EmbeddedBooks } from '../operator/embedded-books.ts';
import { Installation } from '../operator/installation.ts';
import { Operator } from '../operator/operator.ts';
import { type CommandContext, dataOption, newCommand, startedCluster } from './connection.ts';
import { note } from './print.ts';
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
  const operator = new Operator(startedCluster(options));
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
  const copies =
    state.replicated === undefined ? new EmbeddedBooks(state) : new Installation(state);
  try {
    return await whileWaiting('Reading the books', signal, work(copies));
  } finally {
    await copies.close();
  }
}

/** Says which books did not answer, where the rest is shown all the same. */
export function noteSilent(silent: readonly string[]): void {
  for (const book of silent) note(`no copy of ${book} answers: its part is missing`);
}

/** One of the regions. Throws InvalidArgumentError. */
export function parseRegion(text: string): RegionName {
  const found = regionNames.find((name) => name === text);
  if (found !== undefined) return found;
  throw new InvalidArgumentError(`It must be one of ${regionNames.join(', ')}.`);
}
