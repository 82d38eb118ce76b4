import pMap from 'p-map';
import type { MeridianClient } from '../../../router/client/client.ts';
import type { RegionName } from '../../topology/layout.ts';
import type { Acknowledgement, RecordedCall } from '../load/call-log.ts';
import { acknowledgementOf, requestOf } from '../load/request.ts';

const AT_ONCE = 64;

/** The outcomes that are known now, by key. */
export interface ReAsked {
  readonly answers: ReadonlyMap<string, Acknowledgement>;
  /** Keys whose outcome is still not known, with why. */
  readonly unanswered: ReadonlyMap<string, string>;
}

/** Calls with an outcome unknown to their callers. */
export function unknownOf(calls: readonly RecordedCall[]): RecordedCall[] {
  return calls.filter(({ trouble }) => trouble?.outcome === 'unknown');
}

/**
 * Asks every unknown outcome again with its key, as the API requires of callers: what was
 * applied is answered as it is; what was not is applied now.
 */
export async function reAsk(
  calls: readonly RecordedCall[],
  namespace: string,
  clientOf: (region: RegionName) => MeridianClient,
): Promise<ReAsked> {
  const answers = new Map<string, Acknowledgement>();
  const unanswered = new Map<string, string>();
  const ask = async (call: RecordedCall) => {
    try {
      const answer = await clientOf(call.via).createTransfer(requestOf(call, namespace));
      answers.set(call.key, acknowledgementOf(answer));
    } catch (error) {
      unanswered.set(call.key, error instanceof Error ? error.message : String(error));
    }
  };
  await pMap(unknownOf(calls), ask, { concurrency: AT_ONCE });
  return { answers, unanswered };
}
