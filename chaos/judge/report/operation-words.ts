import { durationText } from '../../../regions/report/quantities.ts';
import type { Operation } from '../history/operation.ts';
import { askedText } from './asked-words.ts';
import { heardText } from './heard-words.ts';
import { secondsText, shown, valueText } from './plain-words.ts';

/** One call of a client, for people. */
export interface OperationWords {
  /** When it was asked. */
  readonly at: string;
  readonly took: string;
  readonly client: string;
  readonly router: string;
  readonly asked: string;
  readonly heard: string;
}

export function operationWords(operation: Operation): OperationWords {
  const { f, process, router, invokedNs, heardNs } = operation;
  return {
    at: secondsText(invokedNs),
    took: heardNs === Infinity ? 'never' : durationText((heardNs - invokedNs) / 1e6),
    client: String(process),
    router,
    asked: shown(`${f.replace('_', ' ')} ${askedText(operation)}`.trim()),
    heard: shown(heardWords(operation)),
  };
}

/** An answer may be anything: one that is none is shown as it is. */
function heardWords(operation: Operation): string {
  try {
    return heardText(operation);
  } catch {
    return `an answer that makes no sense: ${valueText(operation.reply)}`;
  }
}
