import type { SimulatedInstallation } from '../installation/simulated-installation.ts';
import type { BrokenInvariant } from './broken-invariant.ts';

/** I11: every copy of a book is the same. */
export function checkCopies({ elections }: SimulatedInstallation): BrokenInvariant[] {
  return elections.flatMap(({ nodes, primary }) =>
    nodes
      .filter(
        ({ log }) =>
          primary === undefined ||
          log.length !== primary.log.length ||
          log.some((commit, index) => commit !== primary.log[index]),
      )
      .map(({ name, length }) => ({
        invariant: 'I11',
        what: `${name} has ${length} batches and is no copy of ${primary?.name ?? 'any primary'}`,
        evidence: [],
      })),
  );
}
