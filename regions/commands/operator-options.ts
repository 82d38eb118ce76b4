import { type Command, InvalidArgumentError } from 'commander';

import { type RegionName, regionNames } from '../local/layout.ts';
import type { Operator } from '../operator/operator.ts';
import { dataOption, newCommand, runningCluster } from './connection.ts';

/** Options of every command of operators. */
export interface OperatorOptions {
  readonly data: string;
  readonly json?: boolean;
}

/** A command that looks at a replicated installation, or changes it. */
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
  const state = runningCluster(options);
  const { Operator } = await import('../operator/operator.ts');
  const operator = new Operator(state);
  try {
    return await work(operator);
  } finally {
    await operator.close();
  }
}

/** One of the regions. Throws InvalidArgumentError. */
export function parseRegion(text: string): RegionName {
  const found = regionNames.find((name) => name === text);
  if (found !== undefined) return found;
  throw new InvalidArgumentError(`It must be one of ${regionNames.join(', ')}.`);
}
