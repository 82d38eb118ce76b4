/**
 * - `passed`: as books need it
 * - `lacks`: books cannot be held without it
 * - `advice`: books can be held, and an operator should know
 * - `not checked`: what it builds on is lacking
 */
export type CheckResult = 'passed' | 'lacks' | 'advice' | 'not checked';

/** What a check has found. */
export interface Finding {
  readonly check: string;
  readonly verdict: CheckResult;
  /** What was seen, on one line. */
  readonly text: string;
  /** Measured, by name with unit, such as `p99Ms`. */
  readonly figures?: Readonly<Record<string, number>>;
}

/** What a check returns when the database passes it. */
export interface Passed {
  readonly text: string;
  readonly figures?: Readonly<Record<string, number>>;
  /** True: it passes, and the text is a thing to consider. */
  readonly advice?: boolean;
}

/** The database does not do what books need; the message says what. */
export class Lack extends Error {
  override readonly name = 'Lack';
}

/** One property of a database. */
export interface DatabaseCheck<Site> {
  readonly name: string;
  /** @throws Lack, or whatever the database reports */
  readonly run: (site: Site) => Promise<Passed>;
}

/** Runs a check. A failure of the database is a lack as well: books would meet it. */
export async function runCheck<Site>(
  { name, run }: DatabaseCheck<Site>,
  site: Site,
): Promise<Finding> {
  try {
    const { text, figures, advice = false } = await run(site);
    const verdict = advice ? 'advice' : 'passed';
    return { check: name, verdict, text, ...(figures !== undefined && { figures }) };
  } catch (error) {
    return { check: name, verdict: 'lacks', text: reasonOf(error) };
  }
}

/** One line, with the code of the database if it has given one. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : '';
  const text = error.message === '' ? error.name : error.message;
  return `${text.split('\n')[0]}${error instanceof Lack ? '' : code}`;
}

/** The part of sorted numbers that is not above the result; 0 to 1. */
export function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}
