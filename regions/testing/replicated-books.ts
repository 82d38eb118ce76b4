import type { ClusterState } from '../topology/state.ts';
import { primaryUrls } from '../topology/primary.ts';
import { TestBooks } from './test-books.ts';

/** The books of a replicated installation. */
export class ReplicatedBooks extends TestBooks {
  constructor(state: ClusterState) {
    const { regions } = state;
    const addresses = regions.map(({ routerAddress }) => routerAddress);
    super({
      // Callers of a region that is lost go to another's router.
      routers: new Map(
        regions.map(({ name }, index) => [
          name,
          [...addresses.slice(index), ...addresses.slice(0, index)],
        ]),
      ),
      auditorUrls: () => primaryUrls(state),
    });
  }
}
