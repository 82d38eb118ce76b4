import { setTimeout as sleep } from 'node:timers/promises';
import pMap from 'p-map';
import type { RegionName } from '../../regions/topology/layout.ts';
import type { Caller } from '../drive/client/caller.ts';
import type { CallResult } from '../drive/client/call-result.ts';
import type { EndedCall } from '../judge/history/recorder.ts';

const AT_ONCE = 16;
const AGAIN_MS = 500;

/**
 * Repeats calls with an unknown outcome, with their keys, through one router after the other
 * until there is an answer: what was applied is answered as it is, and what was not is decided
 * now. Returns how many have none when the time is up.
 */
export async function reAsk(
  calls: readonly EndedCall[],
  regions: readonly RegionName[],
  caller: (via: RegionName) => Caller,
  timeoutMs: number,
): Promise<number> {
  const giveUpAt = performance.now() + timeoutMs;
  let unanswered = 0;
  const decide = async (call: EndedCall, index: number) => {
    for (let attempt = 0; ; attempt += 1) {
      const via = regions[(index + attempt) % regions.length];
      if (via === undefined) throw new RangeError('there are no regions to ask in');
      const reply = await ask(caller(via), call);
      if (reply?.type !== 'info' && reply?.type !== 'fail') return;
      if (performance.now() > giveUpAt) break;
      await sleep(AGAIN_MS);
    }
    unanswered += 1;
  };
  await pMap(calls, decide, { concurrency: AT_ONCE });
  return unanswered;
}

/** Undefined: a read, which needs no answer any more. */
async function ask(caller: Caller, { value }: EndedCall): Promise<CallResult<unknown> | undefined> {
  if ('debitAccountId' in value) return caller.transfer(value);
  if ('accountId' in value) return caller.change(value);
  return 'externalId' in value ? caller.open(value) : undefined;
}
