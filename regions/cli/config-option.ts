import { Option } from 'commander';
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

/** The configuration that the options name. Throws ConfigError. */
export async function configOf(
  { config }: WithConfigOption,
  options: ConfigOptions = {},
): Promise<Config> {
  const { loadConfig } = await import('../config/load-config.ts');
  return loadConfig(config, environment(), options);
}
