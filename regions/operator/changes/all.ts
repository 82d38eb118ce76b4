import { drain, evacuate, undrain } from './drain.ts';
import { failback } from './failback.ts';
import { failover } from './failover.ts';
import { fence, unfence } from './fence.ts';
import type { OperatorChange } from './operator-change.ts';
import { switchover } from './switchover.ts';

/** Everything that an operator may do to an installation. */
export const changes = [
  switchover,
  failover,
  fence,
  unfence,
  drain,
  undrain,
  evacuate,
  failback,
] as const;

/** A change that an operator may ask for. Books are given by name or number. */
export type Change = ReturnType<(typeof changes)[number]['read']>;
export type ChangeKind = Change['kind'];

/** The entry of a change, for a request that its own schema has read. */
export function changeOf(kind: ChangeKind): OperatorChange<Change> {
  const found = changes.find((change) => change.kind === kind);
  if (found === undefined) throw new Error(`there is no change "${kind}"`);
  return found;
}
