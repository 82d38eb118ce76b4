import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Logger } from '../../logger.ts';
import { repeat } from '../../repeat.ts';
import {
  type CertificateFacts,
  isOverdue,
  type TlsState,
  tlsState,
  type TlsTexts,
} from './tls-state.ts';

/** Paths of files in PEM. One file may hold both certificate and key. */
export interface TlsPaths {
  readonly certificate: string;
  readonly key: string;
  readonly authorities: string;
}

/** How often the files are compared with what was read of them. */
const LOOK_MS = 1_000;
/** How often a certificate that should have been renewed is warned of. */
const WARN_MS = 3_600_000;
const DAY_MS = 86_400_000;

type TlsLog = Pick<Logger, 'info' | 'warn'>;

/**
 * The certificate, key and authorities of a process, as its files have them. While a file is
 * half-written, missing, or does not go with the others, what was valid last is kept.
 */
export class TlsFiles {
  readonly #paths: TlsPaths;
  readonly #log: TlsLog | undefined;
  readonly #listeners = new Set<(state: TlsState) => void>();
  /** What the state was made of. */
  #texts: TlsTexts;
  /** What was read last. */
  #seen: TlsTexts;
  #state: TlsState;
  #problem = '';
  #warnedAt = Number.NEGATIVE_INFINITY;
  #stop: () => void = () => undefined;

  /**
   * Reads the files.
   *
   * @param log of a server; a command has none
   * @throws Error naming the file that cannot be read, or what is wrong with them
   */
  constructor(paths: TlsPaths, log?: TlsLog) {
    this.#paths = paths;
    this.#log = log;
    this.#texts = {
      certificate: readFileSync(paths.certificate, 'utf8'),
      key: readFileSync(paths.key, 'utf8'),
      authorities: readFileSync(paths.authorities, 'utf8'),
    };
    this.#seen = this.#texts;
    try {
      this.#state = tlsState(this.#texts, Date.now());
    } catch (error) {
      throw new Error(`${paths.certificate}: ${messageOf(error)}`, { cause: error });
    }
    this.#report(this.#state.facts);
  }

  /** What is valid. */
  get current(): TlsState {
    return this.#state;
  }

  /** Looks at the files every second from now on. */
  watch(): this {
    this.#stop();
    this.#stop = repeat(LOOK_MS, () => this.look());
    return this;
  }

  close(): void {
    this.#stop();
    this.#listeners.clear();
  }

  /** Calls back with each new valid state. Returns how to stop it. */
  onChange(listener: (state: TlsState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Takes over what the files have, if it is new, valid, and was the same at the last look. Never
   * throws.
   */
  async look(): Promise<void> {
    try {
      const { certificate, key, authorities } = this.#paths;
      const texts = {
        certificate: await readFile(certificate, 'utf8'),
        key: await readFile(key, 'utf8'),
        authorities: await readFile(authorities, 'utf8'),
      };
      // A file that is being written may be whole in itself, and short of its end.
      const isSettled = sameTexts(texts, this.#seen);
      this.#seen = texts;
      // What is not valid yet may become so without a change.
      const isNew = !sameTexts(texts, this.#texts) || this.#problem !== '';
      if (isSettled && isNew) this.#take(texts);
    } catch (error) {
      this.#refuse(messageOf(error));
    }
    this.#warnOfExpiry();
  }

  #take(texts: TlsTexts): void {
    const before = this.#state;
    const found = tlsState(texts, Date.now());
    if (found.facts.identity !== before.facts.identity) {
      throw new Error(
        `the certificate is of ${found.facts.identity}, and this process began as ` +
          `${before.facts.identity}: restart it`,
      );
    }
    this.#state = found;
    this.#texts = texts;
    this.#problem = '';
    if (before.facts.fingerprint !== this.#state.facts.fingerprint) {
      this.#warnedAt = Number.NEGATIVE_INFINITY;
    }
    this.#report(this.#state.facts);
    for (const listener of this.#listeners) listener(this.#state);
  }

  #refuse(problem: string): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#log?.warn('the certificate files are not valid', {
      problem,
      certificate: this.#paths.certificate,
      authorities: this.#paths.authorities,
      effect: 'what was valid last is kept',
    });
  }

  #report(facts: CertificateFacts): void {
    const count = this.#state.authorities.length;
    this.#log?.info('certificate read', { ...shown(facts), trustedAuthorities: count });
  }

  #warnOfExpiry(): void {
    const { facts } = this.#state;
    const now = performance.now();
    if (!isOverdue(facts, Date.now()) || now - this.#warnedAt < WARN_MS) return;
    this.#warnedAt = now;
    this.#log?.warn('the certificate was not renewed', shown(facts));
  }
}

function shown({ identity, serial, fingerprint, expiresAt }: CertificateFacts) {
  const daysLeft = Math.floor(((expiresAt - Date.now()) / DAY_MS) * 100) / 100;
  return { identity, serial, fingerprint, expiresAt: new Date(expiresAt).toISOString(), daysLeft };
}

const sameTexts = (one: TlsTexts, other: TlsTexts): boolean =>
  one.certificate === other.certificate &&
  one.key === other.key &&
  one.authorities === other.authorities;

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
