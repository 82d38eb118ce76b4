import { type CutMode, type Link, openLink } from './link.ts';
import type { ReplicatedLink } from '../topology/replicated-layout.ts';

/** A directed link between two regions: a proxy for each port, all cut and slowed as one. */
export class RegionLink {
  readonly layout: ReplicatedLink;
  #ports: readonly Link[] = [];

  constructor(layout: ReplicatedLink) {
    this.layout = layout;
  }

  /** Throws when a port is taken. */
  async open(): Promise<void> {
    const { ip, targetIp, ports, delayMs } = this.layout;
    this.#ports = await Promise.all(
      ports.map((port) =>
        openLink({ host: ip, port, targetHost: targetIp, targetPort: port, delayMs }),
      ),
    );
  }

  cut(mode: CutMode): void {
    for (const link of this.#ports) link.cut(mode);
  }

  heal(): void {
    for (const link of this.#ports) link.heal();
  }

  /** One way, in milliseconds; undefined: the delay of the layout. */
  setDelay(delayMs = this.layout.delayMs): void {
    for (const link of this.#ports) link.setDelay(delayMs);
  }
}
