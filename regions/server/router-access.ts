import type { Logger } from '../../ledger/logger.ts';
import type { Access } from '../../ledger/rpc/access/access.ts';
import { PolicyFile } from '../policy/policy-file.ts';
import { CommandFailure, ExitCode } from '../terminal/failure.ts';
import type { RouterConfig } from './config.ts';

/**
 * Who may do what at a router; undefined where nothing is authenticated.
 * Throws CommandFailure (environment) if there is no valid policy.
 */
export function routerAccess(
  config: Pick<RouterConfig, 'MERIDIAN_INSECURE' | 'MERIDIAN_POLICY'>,
  log: Logger,
): Access | undefined {
  const { MERIDIAN_INSECURE: isInsecure, MERIDIAN_POLICY: path } = config;
  if (isInsecure && path === undefined) return undefined;
  if (isInsecure) throw refused('MERIDIAN_INSECURE=true and MERIDIAN_POLICY exclude each other');
  if (path === undefined) {
    throw refused('MERIDIAN_POLICY is not set: without a policy no caller may do anything');
  }
  try {
    return new PolicyFile(path, log).watch();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw refused(`this router has no valid policy: ${why}`);
  }
}

const refused = (message: string) => new CommandFailure(ExitCode.environment, message);
