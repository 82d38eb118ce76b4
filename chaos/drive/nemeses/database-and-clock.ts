import { cancelledBackends, syncWaitTrap } from './cancelled-waits.ts';
import { channelReplay, settlementKill } from './channel-replay.ts';
import { clockAhead, clockDrift, clockJump, clockStrobe } from './clock.ts';
import { diskFull } from './disk-full.ts';
import { fsyncError, slowDisk } from './failing-disk.ts';
import {
  checkpointStorm,
  connectionsExhausted,
  idleInTransaction,
  lockedHead,
} from './gray-database.ts';
import type { Nemesis } from './nemesis.ts';
import { pausedReplay } from './paused-replay.ts';
import { redisLies, redisPast } from './redis-lies.ts';
import { redisLost } from './redis-lost.ts';

/** Nemeses of databases, disks, clocks and Redis, N20 to N34. */
export const databaseAndClock: readonly Nemesis[] = [
  channelReplay,
  settlementKill,
  clockJump,
  clockAhead,
  clockStrobe,
  clockDrift,
  diskFull,
  fsyncError,
  slowDisk,
  redisLost,
  redisPast,
  redisLies,
  syncWaitTrap,
  cancelledBackends,
  lockedHead,
  idleInTransaction,
  connectionsExhausted,
  checkpointStorm,
  pausedReplay,
];
