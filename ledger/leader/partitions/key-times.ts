/** Keys whose time is further ahead of the clock are listed, so that they do not count as the latest. */
const AHEAD_MS = 60_000;
const AHEAD_MAX = 1_000;
const NUMBER_BYTES = 8;

/**
 * The times of the ids of version 7 in one filter, which begin with the milliseconds at which they
 * were made: no id that was made after all of them is among them. Every id has a time up to
 * `latest`, or one of `ahead`.
 */
export class KeyTimes {
  /** In milliseconds since 1970; -1: there are no such ids. Infinity: they may have any time. */
  latest = -1;
  /** The times of ids of payers whose clocks were wrong, or who chose them so. */
  readonly ahead = new Set<number>();

  /**
   * @param time of an id; -1: it has none
   * @param now by the clock that was read last
   * @returns true if it is one of `ahead`
   */
  add(time: number, now: number): boolean {
    if (time <= this.latest) return false;
    const isAhead = time > now + AHEAD_MS;
    if (isAhead && this.ahead.size < AHEAD_MAX) {
      this.ahead.add(time);
      return true;
    }
    this.latest = isAhead ? Infinity : time;
    return false;
  }

  /** As they are stored: big-endian doubles, `latest` first. */
  toBytes(): Uint8Array {
    const bytes = Buffer.alloc((1 + this.ahead.size) * NUMBER_BYTES);
    for (const [index, time] of [this.latest, ...this.ahead].entries()) {
      bytes.writeDoubleBE(time, index * NUMBER_BYTES);
    }
    return bytes;
  }

  /** Takes over what was stored. @param bytes empty: an earlier release has stored nothing */
  restore(bytes: Uint8Array): void {
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const times = Array.from({ length: Math.floor(view.length / NUMBER_BYTES) }, (_, index) =>
      view.readDoubleBE(index * NUMBER_BYTES),
    );
    const [latest = Infinity, ...ahead] = times;
    this.latest = Math.max(this.latest, latest);
    for (const time of ahead) this.ahead.add(time);
  }
}
