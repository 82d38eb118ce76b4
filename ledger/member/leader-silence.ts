/** Probes in a row that a leader has not answered: those of one leader do not count for the next. */
export class LeaderSilence {
  #epoch = -1;
  #probes = 0;

  /** @param epoch in which the leader leads that was probed */
  probed(epoch: number, answered: boolean): void {
    this.#probes = answered ? 0 : this.of(epoch) + 1;
    this.#epoch = epoch;
  }

  /** Probes that the leader of an epoch has not answered since it answered last. */
  of(epoch: number): number {
    return epoch === this.#epoch ? this.#probes : 0;
  }
}
