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
  /** Ends at once. */
  destroy?(): void;
  once?(event: 'close', listener: () => void): unknown;
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
    if (now >= closeAt && session.closed !== true) session.close?.();
    const next = now < closeAt ? closeAt : destroyAt;
    timer = setTimeout(look, Math.min(next - now, LOOK_MS)).unref();
  };
  session.once?.('close', () => clearTimeout(timer));
  look();
}
