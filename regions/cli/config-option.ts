import { existsSync } from 'node:fs';
import { type Command, Option } from 'commander';
import type { Config, ConfigOptions } from '../config/load-config.ts';
import { environment } from '../processes/environment.ts';

/** The options of a command that starts an installation, as far as the configuration has them. */

export interface WithConfigOption {
  readonly config?: string;
}

export function configOption(): Option {
  return new Option(
    '--config <file>',
    'configuration; otherwise MERIDIAN_CONFIG, or meridian.yaml here',
  );
}

/**
 * Has a command that was given no data folder, and no router instead of one, use that of the
 * configuration. Without a configuration nothing of it is loaded. Throws ConfigError.
 */
export async function takeDataFromConfig(command: Command): Promise<void> {
  const options: { readonly config?: string; readonly router?: string } = command.opts();
  const isOpen = command.getOptionValueSource('data') === 'default' && options.router === undefined;
  const named = options.config ?? environment()['MERIDIAN_CONFIG'] ?? '';
  if (!isOpen || (named === '' && !existsSync('meridian.yaml'))) return;
  const { data } = await configOf(options);
  command.setOptionValueWithSource('data', data, 'config');
}

/** The configuration that the options name. Throws ConfigError. */
export async function configOf(
  { config }: WithConfigOption,
  options: ConfigOptions = {},
): Promise<Config> {
  const { loadConfig } = await import('../config/load-config.ts');
  return loadConfig(config, environment(), options);
}
