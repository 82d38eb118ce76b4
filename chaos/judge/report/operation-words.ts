import { durationText } from '../../../regions/report/quantities.ts';
import type { Operation } from '../history/operation.ts';
import { askedText } from './asked-words.ts';
import { callText } from './reply-words.ts';
import { secondsText, shown, valueText } from './plain-words.ts';

/** One call of a client as text for humans. */
export interface OperationWords {
  /** Time of the request. */
  readonly at: string;
  readonly took: string;
  readonly client: string;
  readonly router: string;
  readonly asked: string;
  readonly answer: string;
}

export function operationWords(operation: Operation): OperationWords {
  const { f, process, router, invokedNs, returnedNs } = operation;
  return {
    at: secondsText(invokedNs),
    took: returnedNs === Infinity ? 'never' : durationText((returnedNs - invokedNs) / 1e6),
    client: String(process),
    router,
    asked: shown(`${f.replace('_', ' ')} ${askedText(operation)}`.trim()),
    answer: shown(replyWords(operation)),
  };
}

/** An answer may be anything: a malformed one is shown as it is. */
function replyWords(operation: Operation): string {
  try {
    return callText(operation);
  } catch {
    return `a malformed answer: ${valueText(operation.reply)}`;
  }
}
