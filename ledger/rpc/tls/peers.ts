import type { X509Certificate } from 'node:crypto';
import { TLSSocket } from 'node:tls';
import { identityOf } from './certificate-names.ts';
import { closeGracefully, type EndingSession, endWithCertificate } from './connection-end.ts';
import type { LinkSecurity } from './credentials.ts';
import type { Identity } from './identity.ts';

/** What of a connection of HTTP/2 is read here. */
interface Session extends EndingSession {
  readonly socket?: object | undefined;
}

/** What of a call is read here: HOST:PORT of its caller. */
interface PeerCall {
  getPeer(): string;
}

/** How long calls may take on a connection whose authority is trusted no more. */
const DISTRUSTED_MS = 3_000;

/**
 * Who is at the other end of each connection of a server, read once from the certificate of the
 * connection: gRPC makes an object of the whole certificate whenever it is asked. A connection ends
 * with its certificate, and when its authority is trusted no more.
 */
export class Peers {
  readonly #security: LinkSecurity;
  readonly #bySession = new WeakMap<object, { readonly identity: Identity | undefined }>();
  readonly #byAddress = new Map<string, Session>();
  readonly #open = new Map<Session, X509Certificate>();
  #stopRenewing: () => void = () => undefined;

  constructor(security: LinkSecurity) {
    this.#security = security;
  }

  /** From now on connections end whose authority is removed, until `close`. */
  watch(): void {
    this.#stopRenewing = this.#security.onRenewed(() => this.#endDistrusted());
  }

  close(): void {
    this.#stopRenewing();
  }

  /** Undefined: the connection is plain text, or its certificate names no identity of Meridian. */
  of(session: Session | undefined): Identity | undefined {
    // The library has none for a connection that has just ended.
    if (session === undefined) return undefined;
    const known = this.#bySession.get(session);
    if (known !== undefined) return known.identity;
    const certificate = certificateOf(session.socket);
    const identity = certificate && readIdentity(certificate);
    this.#bySession.set(session, { identity });
    this.#remember(session, certificate);
    if (certificate !== undefined) endWithCertificate(session, certificate);
    return identity;
  }

  /** The identity of the caller, for its handler. */
  ofCall(call: PeerCall): Identity | undefined {
    const session = this.#byAddress.get(call.getPeer());
    return session === undefined ? undefined : this.#bySession.get(session)?.identity;
  }

  #remember(session: Session, certificate: X509Certificate | undefined): void {
    const { socket } = session;
    if (!(socket instanceof TLSSocket)) return;
    const address = `${socket.remoteAddress}:${socket.remotePort}`;
    this.#byAddress.set(address, session);
    if (certificate !== undefined) this.#open.set(session, certificate);
    session.once?.('close', () => {
      this.#open.delete(session);
      if (this.#byAddress.get(address) === session) this.#byAddress.delete(address);
    });
  }

  #endDistrusted(): void {
    for (const [session, certificate] of this.#open) {
      if (this.#security.trusts(certificate)) continue;
      this.#open.delete(session);
      closeGracefully(session);
      setTimeout(() => session.destroy?.(), DISTRUSTED_MS).unref();
    }
  }
}

function certificateOf(socket: object | undefined): X509Certificate | undefined {
  return socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
}

function readIdentity(certificate: X509Certificate): Identity | undefined {
  try {
    return identityOf(certificate);
  } catch {
    return undefined;
  }
}
