import { X509Certificate, constants } from 'node:crypto';
import { isIP } from 'node:net';
import { type ConnectionOptions, createSecureContext, type SecureContextOptions } from 'node:tls';
import { ChannelCredentials, credentials, ServerCredentials } from '@grpc/grpc-js';
import { identityOf } from './certificate-names.ts';
import { type ServerRole, identityUri } from './identity.ts';
import type { TlsFiles } from './tls-files.ts';
import { isOfAny, type TlsState } from './tls-state.ts';

/**
 * The only place that makes credentials of gRPC: for servers, and for channels to them. Both
 * take over what the files have for every new connection; connections that are open go on.
 */

/** A handshake that takes longer is given up. */
const HANDSHAKE_MS = 5_000;

/** What the server at the other end must be; `server`: a router or a ledger server. */
export type ExpectedRole = ServerRole | 'server';

/** How a process proves itself on links, and what it demands of the other end. */
export interface LinkSecurity {
  /** For a server that demands a certificate of one of the authorities of each caller. */
  readonly server: () => ServerCredentials;
  /** For a channel to servers of this role in the own installation. */
  readonly channelTo: (role: ExpectedRole) => ChannelCredentials;
  /** The same for a caller that speaks HTTP/2 itself; undefined: no TLS. */
  readonly connectionTo: (role: ExpectedRole) => ConnectionOptions | undefined;
  /**
   * Calls back when certificate or authorities have changed, so that connections which are to last
   * are to be opened again. Returns how to stop it.
   */
  readonly onRenewed: (listener: () => void) => () => void;
  /** True if an authority that is trusted now has issued the certificate of the other end. */
  readonly trusts: (certificate: X509Certificate) => boolean;
  /** The own trust domain; undefined: nothing is encrypted or authenticated. */
  readonly trustDomain: string | undefined;
}

/** No encryption and no identities: whatever reaches a port can use it. */
export const insecureLinks: LinkSecurity = {
  server: () => ServerCredentials.createInsecure(),
  channelTo: () => credentials.createInsecure(),
  connectionTo: () => undefined,
  onRenewed: () => () => undefined,
  trusts: () => true,
  trustDomain: undefined,
};

/** mTLS with what the files have. The channels to servers of one role share their connections. */
export function tlsLinks(files: TlsFiles): LinkSecurity {
  const channels = new Map<ExpectedRole, ChannelCredentials>();
  return {
    server: () => new ReloadedServerCredentials(files),
    channelTo: (role) => {
      const made = channels.get(role) ?? new ReloadedChannelCredentials(files, role);
      channels.set(role, made);
      return made;
    },
    connectionTo: (role) => ({
      ...contextOptions(files.current),
      ALPNProtocols: ['h2'],
      checkServerIdentity: (_host, { raw }) => refusalOf(raw, role, files),
    }),
    onRenewed: (listener) => files.onChange(listener),
    trusts: (certificate) => isOfAny(certificate, files.current.authorities),
    get trustDomain() {
      return files.current.identity.trustDomain;
    },
  };
}

function contextOptions({ authorities, certificates, key }: TlsState): SecureContextOptions {
  return {
    ca: [...authorities],
    cert: certificates,
    key,
    minVersion: 'TLSv1.3',
    // A session that is resumed is not checked again, neither its authority nor its expiry.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

class ReloadedServerCredentials extends ServerCredentials {
  constructor(files: TlsFiles) {
    const demands = {
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.3',
      handshakeTimeout: HANDSHAKE_MS,
    } as const;
    super(demands, contextOptions(files.current));
    files.onChange((state) => this.updateSecureContextOptions(contextOptions(state)));
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

type SecureConnector = ReturnType<ChannelCredentials['_createSecureConnector']>;
type ConnectorArguments = Parameters<ChannelCredentials['_createSecureConnector']>;

class ReloadedChannelCredentials extends ChannelCredentials {
  readonly #files: TlsFiles;
  readonly #role: ExpectedRole;
  #made: { readonly state: TlsState; readonly channel: ChannelCredentials } | undefined;

  constructor(files: TlsFiles, role: ExpectedRole) {
    super();
    this.#files = files;
    this.#role = role;
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(...[target, options, call]: ConnectorArguments): SecureConnector {
    const host = target.path.slice(0, target.path.lastIndexOf(':'));
    // TLS has no server name for an address.
    const named = isIP(host.replaceAll(/[[\]]/gu, '')) > 0;
    const override = named ? { 'grpc.ssl_target_name_override': 'meridian' } : {};
    const latest = () =>
      // oxlint-disable-next-line eslint/no-underscore-dangle -- the library's name of it
      this.#latest()._createSecureConnector(target, { ...options, ...override }, call);
    const first = latest();
    return {
      connect: (socket) => inTime(latest().connect(socket), socket),
      waitForReady: () => Promise.resolve(),
      getCallCredentials: () => first.getCallCredentials(),
      destroy: () => first.destroy(),
    };
  }

  /** The credentials of the files as they are now. */
  #latest(): ChannelCredentials {
    const state = this.#files.current;
    if (this.#made?.state !== state) {
      const context = createSecureContext(contextOptions(state));
      const channel = credentials.createFromSecureContext(context, {
        // In place of the host name: the certificate of a region is good wherever it is reached.
        checkServerIdentity: (_host, { raw }) => refusalOf(raw, this.#role, this.#files),
      });
      this.#made = { state, channel };
    }
    return this.#made.channel;
  }
}

/**
 * The outcome of a handshake. The library waits for no end of a socket that is destroyed during
 * one, so that a channel would stay without a connection permanently.
 */
async function inTime<Outcome>(
  handshake: Promise<Outcome>,
  socket: { destroy(): void },
): Promise<Outcome> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`the TLS handshake took more than ${HANDSHAKE_MS / 1_000} s`));
    }, HANDSHAKE_MS);
  });
  try {
    return await Promise.race([handshake, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Why the server at the other end is not the one that the link expects. */
function refusalOf(
  certificate: Buffer,
  role: ExpectedRole,
  { current }: TlsFiles,
): Error | undefined {
  try {
    const peer = identityOf(new X509Certificate(certificate));
    const { trustDomain } = current.identity;
    const isServer = peer.kind === 'router' || peer.kind === 'ledger';
    const isRight = role === 'server' ? isServer : peer.kind === role;
    if (isRight && peer.trustDomain === trustDomain) return undefined;
    const expected = `spiffe://${trustDomain}/region/REGION/${role}`;
    return new Error(`the server is ${identityUri(peer)}, and ${expected} was expected`);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
