import { TLSSocket } from 'node:tls';
import { identityOf } from './certificate-names.ts';
import type { Identity } from './identity.ts';

/** What of a connection of HTTP/2 is read here. */
interface Session {
  readonly socket?: object | undefined;
  once?(event: 'close', listener: () => void): unknown;
}

/** What of a call is read here: HOST:PORT of its caller. */
interface PeerCall {
  getPeer(): string;
}

/**
 * Who is at the other end of each connection of a server, read once from the certificate of the
 * connection: gRPC makes an object of the whole certificate whenever it is asked.
 */
export class Peers {
  readonly #bySession = new WeakMap<object, { readonly identity: Identity | undefined }>();
  readonly #byAddress = new Map<string, Session>();

  /** Undefined: the connection is plain text, or its certificate names no identity of Meridian. */
  of(session: Session): Identity | undefined {
    const known = this.#bySession.get(session);
    if (known !== undefined) return known.identity;
    const identity = readIdentity(session.socket);
    this.#bySession.set(session, { identity });
    this.#remember(session);
    return identity;
  }

  /** The identity of the caller, for its handler. */
  ofCall(call: PeerCall): Identity | undefined {
    const session = this.#byAddress.get(call.getPeer());
    return session === undefined ? undefined : this.#bySession.get(session)?.identity;
  }

  #remember(session: Session): void {
    const { socket } = session;
    if (!(socket instanceof TLSSocket)) return;
    const address = `${socket.remoteAddress}:${socket.remotePort}`;
    this.#byAddress.set(address, session);
    session.once?.('close', () => {
      if (this.#byAddress.get(address) === session) this.#byAddress.delete(address);
    });
  }
}

function readIdentity(socket: object | undefined): Identity | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  const certificate = socket.getPeerX509Certificate();
  try {
    return certificate && identityOf(certificate);
  } catch {
    return undefined;
  }
}
