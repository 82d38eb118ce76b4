import type { Scenario } from '../scenario.ts';
import { cancelledSyncWait } from './cancelled-sync-wait.ts';
import { doubleFailure } from './double-failure.ts';
import { etcdMinority } from './etcd-minority.ts';
import { plannedEvacuationAndFailback } from './planned-evacuation-and-failback.ts';
import { postgresCrash } from './postgres-crash.ts';
import { redisLoss } from './redis-loss.ts';
import { regionLoss } from './region-loss.ts';
import { regionPartition } from './region-partition.ts';
import { slowLink } from './slow-link.ts';
import { zombieLeader } from './zombie-leader.ts';

export const scenarios: readonly Scenario[] = [
  regionLoss,
  regionPartition,
  plannedEvacuationAndFailback,
  zombieLeader,
  postgresCrash,
  redisLoss,
  etcdMinority,
  doubleFailure,
  slowLink,
  cancelledSyncWait,
];
