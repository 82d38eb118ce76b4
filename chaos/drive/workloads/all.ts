import { bank } from './bank.ts';
import { bankAcross } from './bank-across.ts';
import { feed } from './feed.ts';
import { groups } from './groups.ts';
import { holds } from './holds.ts';
import { limits } from './limits.ts';
import { longFork } from './long-fork.ts';
import { register } from './register.ts';
import { sameKey } from './same-key.ts';
import { session } from './session.ts';
import { set } from './set.ts';
import { statementAppend } from './statement-append.ts';
import type { Workload } from './workload.ts';

/** Every workload there is, in the order of the catalogue. */
export const workloads: readonly Workload[] = [
  bank,
  bankAcross,
  limits,
  sameKey,
  register,
  statementAppend,
  set,
  longFork,
  session,
  holds,
  feed,
  groups,
];
