/**
 * A server's time in microseconds since 1970, which follows elapsed time and not the wall clock's
 * jumps: what expires after 15 seconds does so after 15 seconds, whatever happens to the wall
 * clock meanwhile. No I/O: the clocks are read by the caller.
 */

/** The clocks of this server at one moment, in microseconds. */
export interface Reading {
  /** Since 1970; may jump either way. */
  readonly wallMicros: number;
  /** Since any beginning; never jumps, but may stand still while the machine is suspended. */
  readonly elapsedMicros: number;
}

/** The clocks of another server now, in microseconds since 1970. */
export interface PeerClock {
  readonly wallMicros: number;
  readonly steadyMicros: number;
}

/** Clocks that are no further apart than this agree: it covers the way between two regions. */
export const JUMP_MICROS = 1_000_000;
/** How much faster or slower than elapsed time the clock runs to approach the wall clock. */
export const SLEW = 0.000_5;
/** A wall clock that has jumped is believed once it has kept its new time for this long. */
export const BELIEVED_MICROS = 60_000_000;

/**
 * The time that most servers show; undefined if no majority agrees. One clock alone is believed where
 * there is no other server.
 *
 * @param servers how many there are, those included that are silent
 */
export function agreedTime(clocks: readonly number[], servers = clocks.length): number | undefined {
  const sorted = clocks.toSorted((a, b) => a - b);
  const middle = sorted[Math.floor((sorted.length - 1) / 2)];
  if (middle === undefined) return undefined;
  const agreeing = sorted.filter((clock) => Math.abs(clock - middle) <= JUMP_MICROS).length;
  return agreeing * 2 > Math.max(servers, sorted.length) ? middle : undefined;
}

export class SteadyClock {
  #micros: number;
  #elapsed: number;
  /** Wall clock minus this clock, when both were read last. */
  #apart = 0;
  /** When the wall clock jumped to what it shows now, and how far it was ahead of elapsed time. */
  #jumped: { readonly at: number; readonly offset: number } | undefined;

  constructor({ wallMicros, elapsedMicros }: Reading) {
    this.#micros = wallMicros;
    this.#elapsed = elapsedMicros;
  }

  /** How far the wall clock is ahead of this clock, in microseconds; zero while they agree. */
  get apartMicros(): number {
    return Math.abs(this.#apart) > JUMP_MICROS ? this.#apart : 0;
  }

  /**
   * The time now, never before one that was read since `correct`. It jumps, and only forward, when
   * the wall clocks of most servers have been ahead for a minute: this machine was suspended.
   *
   * @param peerCount how many other servers there are: while most are silent, no jump is believed
   */
  read(
    { wallMicros, elapsedMicros }: Reading,
    peers: readonly PeerClock[],
    peerCount: number,
  ): number {
    const passed = Math.max(0, elapsedMicros - this.#elapsed);
    this.#elapsed += passed;
    this.#micros += passed;
    const apart = wallMicros - this.#micros;
    if (Math.abs(apart) <= JUMP_MICROS) {
      this.#jumped = undefined;
      this.#slew(apart, passed);
    } else if (this.#isKept(wallMicros)) {
      const walls = [wallMicros, ...peers.map((peer) => peer.wallMicros)];
      const believed = agreedTime(walls, peerCount + 1);
      this.#follow(believed ?? this.#micros, passed);
    }
    this.#apart = wallMicros - this.#micros;
    return this.#micros;
  }

  /**
   * Corrects the clock before a book is led by it, when nothing depends on its time yet: most
   * servers are right, and of two that disagree the one that is behind, for a hold may expire
   * late but never early.
   */
  correct(peers: readonly PeerClock[]): void {
    this.#micros = this.#corrected(peers);
  }

  /** True if these clocks would correct this one. */
  isWrong(peers: readonly PeerClock[]): boolean {
    return this.#corrected(peers) !== this.#micros;
  }

  #corrected(peers: readonly PeerClock[]): number {
    const clocks = [this.#micros, ...peers.map((peer) => peer.steadyMicros)];
    const agreed = agreedTime(clocks) ?? Math.min(...clocks);
    return Math.abs(agreed - this.#micros) > JUMP_MICROS ? agreed : this.#micros;
  }

  /** True if the wall clock has shown its new time for long enough. */
  #isKept(wallMicros: number): boolean {
    const offset = wallMicros - this.#elapsed;
    if (this.#jumped === undefined || Math.abs(offset - this.#jumped.offset) > JUMP_MICROS) {
      this.#jumped = { at: this.#elapsed, offset };
    }
    return this.#elapsed - this.#jumped.at >= BELIEVED_MICROS;
  }

  #follow(believed: number, passed: number): void {
    const ahead = believed - this.#micros;
    if (ahead > JUMP_MICROS) this.#micros = believed;
    else this.#slew(ahead, passed);
  }

  #slew(apart: number, passed: number): void {
    const most = passed * SLEW;
    this.#micros += Math.min(most, Math.max(-most, apart));
  }
}

/**
 * The time of a book whose newest row may be ahead of the clock, because an earlier leader's
 * clock was. Its time goes on from that row at nearly the pace of elapsed time, and the lead
 * shrinks slowly: if the time stood still until the clock had caught up, everything made
 * meanwhile would expire that much too late.
 */
export class BookTime {
  #leadMicros: number;
  #steady: number;

  /** @param headMicros time of the book's newest row */
  constructor(headMicros: number, steadyMicros: number) {
    this.#leadMicros = Math.max(0, headMicros - steadyMicros);
    this.#steady = steadyMicros;
  }

  /** How far the book's time is ahead of the clock, in microseconds. */
  get leadMicros(): number {
    return this.#leadMicros;
  }

  /** Whole microseconds since 1970. */
  at(steadyMicros: number): number {
    const passed = Math.max(0, steadyMicros - this.#steady);
    this.#steady += passed;
    this.#leadMicros = Math.max(0, this.#leadMicros - passed * SLEW);
    return Math.floor(this.#steady + this.#leadMicros);
  }
}
