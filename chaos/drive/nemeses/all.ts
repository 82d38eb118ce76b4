import { flapping, silentThenRefused, slowLinks } from './unsteady-links.ts';
import { gracefulStop } from './graceful-stop.ts';
import { kill } from './kill.ts';
import { killBackend } from './kill-backend.ts';
import { loseRegion, regionAdrift } from './lose-region.ts';
import { oneWayConnections, oneWayLoss } from './one-way.ts';
import { bridge, isolateRegion, ring } from './partition.ts';
import { pauseLeader } from './pause-leader.ts';
import { freezeRouter, restartRouter, routerWithoutHome } from './router-faults.ts';
import { freezeLedger } from './freeze-ledger.ts';
import { evacuate } from './evacuate.ts';
import { promotions } from './promotion.ts';
import { switchover } from './switchover.ts';
import { promoteNextToLeader, promoteWhileAlive } from './two-leaders.ts';
import { victimRoles } from './victims.ts';
import { lateCalls } from './late-calls.ts';
import { loseReplies, loseRequests } from './lose-calls.ts';
import { overload } from './overload.ts';
import { repeatCalls } from './repeat-calls.ts';
import { databaseAndClock } from './database-and-clock.ts';
import { decodeBombs } from './decode-bombs.ts';
import { expiredCalls } from './expired-calls.ts';
import type { Nemesis } from './nemesis.ts';

/** Every way to break an installation, in the order of the catalogue. */
export const nemeses: readonly Nemesis[] = [
  ...victimRoles.map(kill),
  killBackend,
  ...victimRoles.map(gracefulStop),
  pauseLeader,
  freezeLedger,
  isolateRegion,
  bridge,
  ring,
  oneWayConnections,
  oneWayLoss,
  silentThenRefused,
  flapping,
  slowLinks,
  ...databaseAndClock,
  restartRouter,
  freezeRouter,
  routerWithoutHome,
  switchover,
  ...promotions,
  promoteWhileAlive,
  promoteNextToLeader,
  loseRegion,
  regionAdrift,
  evacuate,
  loseReplies,
  loseRequests,
  repeatCalls,
  lateCalls,
  overload,
  decodeBombs,
  expiredCalls,
];
