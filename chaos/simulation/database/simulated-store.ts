import type { Append } from '../../../ledger/store/append-batch.ts';
import type { BookDatabase, StoreEvents } from '../../../ledger/store/book-store.ts';
import { MemoryStore } from '../../../ledger/testing/memory-store/memory-store.ts';
import type { World } from '../world.ts';
import type { DatabaseNode } from './node.ts';
import { Connections } from './connections.ts';
import { SimulatedPartitions } from './simulated-partitions.ts';

/** A simulated node as the database of the ledger server next to it. */
export class SimulatedDatabase implements BookDatabase {
  readonly #world: World;
  readonly #node: DatabaseNode;

  constructor(world: World, node: DatabaseNode) {
    this.#world = world;
    this.#node = node;
  }

  open(connections: number, events: StoreEvents = {}): SimulatedStore {
    const made = new Connections(this.#world, this.#node, connections, events);
    return new SimulatedStore(this.#node, made);
  }
}

/** Reads what the node shows when the question arrives; a commit waits for a second node. */
class SimulatedStore extends MemoryStore {
  readonly partitions: SimulatedPartitions;
  readonly #connections: Connections;

  constructor(node: DatabaseNode, connections: Connections) {
    super({
      book: () => node.memory,
      role: () => ({ standby: !node.primary, alone: undefined }),
      run: (act) => connections.read(act),
    });
    this.partitions = new SimulatedPartitions(node, connections);
    this.#connections = connections;
  }

  override append(batch: Append): Promise<boolean> {
    return this.#connections.append(batch);
  }

  override close(graceSeconds: number): Promise<void> {
    return this.#connections.end(graceSeconds * 1_000);
  }
}
