import type { X509Certificate } from 'node:crypto';

/** So long before its certificate expires, a connection takes no new calls; at most a tenth of its life. */
const CLOSE_BEFORE_MS = 300_000;
/** The clock is looked at as often: it may be set. */
const LOOK_MS = 60_000;

/** What of a connection of HTTP/2 is ended here. */
export interface EndingSession {
  readonly closed?: boolean;
  readonly destroyed?: boolean;
  /** Takes no new calls, and ends when those in progress are over. */
  close?(): void;
  /** Announces the end: the caller begins no more calls. */
  goaway?(code: number, lastStreamId: number): void;
  /** Ends at once. */
  destroy?(): void;
  once?(event: 'close', listener: () => void): unknown;
}

/** A call that the caller begins until it knows of the end is served. */
const ANNOUNCED_MS = 500;
/** Above the number of any stream. */
const ANY_STREAM = 2 ** 31 - 1;

/** Ends a connection once its calls are over. A call that was on its way to it is not refused. */
export function closeGracefully(session: EndingSession): void {
  if (session.closed === true || session.destroyed === true) return;
  session.goaway?.(0, ANY_STREAM);
  setTimeout(() => {
    if (session.closed !== true && session.destroyed !== true) session.close?.();
  }, ANNOUNCED_MS).unref();
}

/**
 * Ends a connection no later than the certificate that it was opened with, which TLS checks in the
 * handshake alone. A caller with a newer certificate connects again without a call that fails.
 */
export function endWithCertificate(
  session: EndingSession,
  { validFromDate, validToDate }: Pick<X509Certificate, 'validFromDate' | 'validToDate'>,
): void {
  const destroyAt = validToDate.getTime();
  const life = destroyAt - validFromDate.getTime();
  const early = destroyAt - Math.min(CLOSE_BEFORE_MS, life / 10);
  // The caller of a connection that is opened so late has no newer certificate yet: it would open one
  // after the other.
  const closeAt = Date.now() < early ? early : destroyAt;
  let timer: NodeJS.Timeout | undefined;
  const look = () => {
    const now = Date.now();
    if (now >= destroyAt) {
      session.destroy?.();
      return;
    }
    if (now >= closeAt) closeGracefully(session);
    const next = now < closeAt ? closeAt : destroyAt;
    timer = setTimeout(look, Math.min(next - now, LOOK_MS)).unref();
  };
  session.once?.('close', () => clearTimeout(timer));
  look();
}
