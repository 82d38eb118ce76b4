import { errorJson } from './failure.ts';
import { printRaw, toJson } from './print.ts';

/** Prints an error for programs, on one line: a stream of events may have begun before it. */
export function printError(error: unknown): Promise<void> {
  return printRaw(toJson(errorJson(error)));
}
