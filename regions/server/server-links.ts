import type { Logger } from '../../ledger/logger.ts';
import { insecureLinks, type LinkSecurity, tlsLinks } from '../../ledger/rpc/tls/credentials.ts';
import { identityUri, type ServerRole } from '../../ledger/rpc/tls/identity.ts';
import { TlsFiles } from '../../ledger/rpc/tls/tls-files.ts';
import { CommandFailure, ExitCode } from '../terminal/failure.ts';
import type { RouterConfig } from './config.ts';

type LinkConfig = Pick<
  RouterConfig,
  | 'MERIDIAN_LISTEN'
  | 'MERIDIAN_REGION'
  | 'MERIDIAN_INSECURE'
  | 'MERIDIAN_TLS_CERTIFICATE'
  | 'MERIDIAN_TLS_KEY'
  | 'MERIDIAN_TLS_AUTHORITIES'
>;

const GIVEN_UP =
  'calls are neither encrypted nor authenticated: whatever reaches the port can read and move money';

/**
 * How a server proves itself to others, and what it demands of them.
 * Throws CommandFailure (environment), whose message has the way out, if it may not start so.
 */
export function serverLinks(config: LinkConfig, role: ServerRole, log: Logger): LinkSecurity {
  if (config.MERIDIAN_INSECURE) return acceptInsecurity(config, log);
  const { MERIDIAN_TLS_CERTIFICATE: certificate, MERIDIAN_TLS_AUTHORITIES: authorities } = config;
  if (certificate === undefined || authorities === undefined) {
    throw refused(
      'MERIDIAN_TLS_CERTIFICATE and MERIDIAN_TLS_AUTHORITIES are not both set: "meridian pki ' +
        `issue region/${config.MERIDIAN_REGION}/${role}" makes a certificate. ` +
        `MERIDIAN_INSECURE=true starts without, on a loopback address; then ${GIVEN_UP}`,
    );
  }
  const files = openFiles(
    { certificate, key: config.MERIDIAN_TLS_KEY ?? certificate, authorities },
    log,
  );
  const { identity } = files.current;
  if (identity.kind !== role || identity.region !== config.MERIDIAN_REGION) {
    throw refused(
      `MERIDIAN_TLS_CERTIFICATE: ${certificate} is of ${identityUri(identity)}, ` +
        `and this server is region/${config.MERIDIAN_REGION}/${role}`,
    );
  }
  return tlsLinks(files.watch());
}

function openFiles(paths: ConstructorParameters<typeof TlsFiles>[0], log: Logger): TlsFiles {
  try {
    return new TlsFiles(paths, log);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw refused(`this server has no valid certificate: ${why}`);
  }
}

function acceptInsecurity(config: LinkConfig, log: Logger): LinkSecurity {
  const { MERIDIAN_LISTEN: listen, MERIDIAN_TLS_CERTIFICATE: certificate } = config;
  if (certificate !== undefined) {
    throw refused('MERIDIAN_INSECURE=true and MERIDIAN_TLS_CERTIFICATE exclude each other');
  }
  if (isPublic(listen)) {
    throw refused(
      `MERIDIAN_INSECURE: other hosts may reach ${listen}, and ${GIVEN_UP}; listen on 127.0.0.1, ` +
        'or give the server a certificate (MERIDIAN_TLS_CERTIFICATE, MERIDIAN_TLS_AUTHORITIES)',
    );
  }
  log.warn('insecure', { listen, warning: GIVEN_UP });
  return insecureLinks;
}

/** True if other hosts may reach the address. A host name is not resolved, so it counts as public. */
function isPublic(listen: string): boolean {
  const host = listen.slice(0, listen.lastIndexOf(':'));
  return host !== 'localhost' && !/^127(\.\d{1,3}){3}$/u.test(host);
}

const refused = (message: string) => new CommandFailure(ExitCode.environment, message);
