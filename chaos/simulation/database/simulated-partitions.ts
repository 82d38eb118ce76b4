import type {
  Partition,
  PartitionStore,
  SuspectId,
} from '../../../ledger/store/partition-store.ts';
import { StoreError } from '../../../ledger/store/store-error.ts';
import type { Connections } from './connections.ts';
import type { DatabaseNode } from './node.ts';

/**
 * The partitions of the journal of a simulated node. Changes are transactions like others: they
 * wait for a second node, and are lost with it. Filters are not kept, so that every leader makes
 * its own from the journal.
 */
export class SimulatedPartitions implements PartitionStore {
  readonly #node: DatabaseNode;
  readonly #connections: Connections;

  constructor(node: DatabaseNode, connections: Connections) {
    this.#node = node;
    this.#connections = connections;
  }

  read(): Promise<Partition[]> {
    return this.#connections.read(() => [...this.#node.memory.partitions]);
  }

  /** A journal without rows has no partition here: its first one is added. */
  async start(size: number): Promise<void> {
    if ((await this.read()).length === 0) await this.add(size, true);
  }

  async add(size: number, versions: boolean, count = 1): Promise<void> {
    await this.#connections.changePartitions({ kind: 'add', size, versions, count });
  }

  async complete(first: number): Promise<void> {
    await this.#connections.changePartitions({ kind: 'complete', first });
  }

  async strip(first: number, epoch: number): Promise<void> {
    const now = await this.#connections.read(() => this.#node.memory.head.epoch);
    if (now !== epoch) throw new StoreError('refused', 'another leader has taken the book over');
    await this.#connections.changePartitions({ kind: 'strip', first });
  }

  lockRoom(): Promise<number> {
    return this.#connections.read(() => Infinity);
  }

  anyExists(suspects: readonly SuspectId[]): Promise<boolean> {
    return this.#connections.read(() =>
      this.#node.memory.rows.some((row) =>
        suspects.some(({ id, first, end }) => row.id === id && row.seq >= first && row.seq < end),
      ),
    );
  }

  readIdBytes(after: number, through: number): Promise<Buffer> {
    return this.#connections.read(() => {
      const rows = this.#node.memory.rows.filter(({ seq }) => seq > after && seq <= through);
      return Buffer.concat(rows.map(({ id }) => Buffer.from(id.replaceAll('-', ''), 'hex')));
    });
  }

  readFilter(): Promise<undefined> {
    return this.#connections.read(() => undefined);
  }

  writeFilter(): Promise<void> {
    return this.#connections.read(() => undefined);
  }
}
