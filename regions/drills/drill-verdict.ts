import type {
  BookFigures,
  CallSet,
  Check,
  Collateral,
  DrillEvidence,
  DrillVerdict,
} from './report.ts';
import type { Limits } from './scenario.ts';

/** Decides whether a drill passed. Pure. What was not measured never passes. */

export interface Measured {
  readonly limits: Limits;
  readonly evidence: DrillEvidence;
  readonly books: readonly BookFigures[];
  /** Of the healthy regions only. */
  readonly collateral: readonly Collateral[];
  /** Calls that ended without an outcome. */
  readonly errors: number;
  /** Calls that had an outcome before anything was broken, by the home region of their payer. */
  readonly before: ReadonlyMap<string, number>;
  /** Problems that remained when the drill gave up waiting for the steady state. */
  readonly problems: readonly string[];
  /** Books that are not led in their home region at the end. */
  readonly away: readonly string[];
}

type Result = Check['result'];

const seconds = (ms: number) => `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1)} s`;

/** The checks that every drill has, and those that the limits of its scenario ask for. */
export function checksOf(measured: Measured): Check[] {
  const { limits, evidence, books, collateral, errors } = measured;
  return [
    ...loadChecks(measured),
    ...evidenceChecks(evidence),
    ...books.filter(({ affected }) => affected).flatMap((book) => bookChecks(book, limits)),
    ...(limits.noErrors === true
      ? [
          {
            name: 'every caller gets an outcome inside the deadline',
            limit: '0 errors',
            measured: `${errors} errors`,
            result: passIf(errors === 0),
          },
        ]
      : []),
    ...collateral.map(({ region, calls, errors: failed, longestPauseMs }): Check => {
      const none = longestPauseMs === null || calls === 0;
      return {
        name: `own accounts of ${region} never pause`,
        limit: `<= ${seconds(limits.collateralMs)}`,
        measured: none ? 'no calls' : `${seconds(longestPauseMs)}, ${failed} errors`,
        result: none ? 'unknown' : passIf(longestPauseMs <= limits.collateralMs),
      };
    }),
    ...endChecks(measured),
  ];
}

/** Without calls before the fault there would be nothing to lose, and every check would pass. */
function loadChecks({ before }: Measured): Check[] {
  return [...before].map(([region, count]) => ({
    name: `payments ran in ${region} before anything was broken`,
    limit: 'at least 10',
    measured: String(count),
    result: count >= 10 ? 'pass' : 'unknown',
  }));
}

function evidenceChecks(evidence: DrillEvidence): Check[] {
  const { complete, unread, audit, inTransit, copies, unknownAfter, unknownBefore } = evidence;
  const none = (name: string, { count, amountMinor }: CallSet): Check => ({
    name,
    limit: '0',
    measured: count === 0 ? '0' : `${count}, ${amountMinor} minor units`,
    // What was found is a violation, even if other evidence could not be read.
    result: count > 0 ? 'fail' : complete ? 'pass' : 'unknown',
  });
  const differing = copies.filter(({ state }) => state === 'differs');
  const unreadCopies = copies.filter(({ state }) => state === 'unread');
  return [
    none('RPO: acknowledged transfers that are missing', evidence.missing),
    none('keys posted more than once', evidence.duplicates),
    none('acknowledgements that the journal contradicts', evidence.contradicted),
    none('transfers applied though the answer was "not applied"', evidence.falselyRefused),
    none('transfers that no caller requested', evidence.phantoms),
    none('acknowledgements by a deposed leader', evidence.deposed),
    {
      name: 'unknown outcomes that are known after asking again',
      limit: 'all',
      measured: `${unknownBefore - unknownAfter} of ${unknownBefore}`,
      result: unknownAfter === 0 ? 'pass' : 'unknown',
    },
    {
      name: 'everything could be read',
      limit: 'all',
      measured: complete ? 'all' : unread.join('; '),
      result: complete ? 'pass' : 'unknown',
    },
    {
      name: 'audit of all books from their first rows',
      limit: 'no violation',
      measured: audit === null ? 'not run' : `${audit.violationsTotal} in ${audit.rows} rows`,
      result: audit === null ? 'unknown' : passIf(audit.ok && audit.violationsTotal === 0),
    },
    {
      name: 'nothing is left in transit between books',
      limit: '0',
      measured: audit === null ? 'not known' : String(inTransit.length),
      result: audit === null ? 'unknown' : passIf(inTransit.length === 0),
    },
    {
      name: 'every copy equals its primary up to its own position',
      limit: 'all',
      measured: [...differing, ...unreadCopies]
        .map(({ book, region, text }) => `${book} in ${region}: ${text}`)
        .concat(copies.length === 0 ? 'no copies' : [])
        .join('; ')
        .replace(/^$/u, `${copies.length} copies`),
      result:
        differing.length > 0
          ? 'fail'
          : unreadCopies.length > 0 || copies.length === 0
            ? 'unknown'
            : 'pass',
    },
  ];
}

function bookChecks({ name, rtoMs, longestPauseMs }: BookFigures, limits: Limits): Check[] {
  const checks: Check[] = [];
  if (limits.rtoMs !== undefined) {
    checks.push({
      name: `RTO: ${name} writable again`,
      limit: `< ${seconds(limits.rtoMs)}`,
      measured: rtoMs === null ? 'never' : seconds(rtoMs),
      result: passIf(rtoMs !== null && rtoMs < limits.rtoMs),
    });
  }
  if (limits.pauseMs !== undefined) {
    checks.push({
      name: `writes of ${name} pause`,
      limit: `< ${seconds(limits.pauseMs)}`,
      measured: longestPauseMs === null ? 'not measured' : seconds(longestPauseMs),
      result: longestPauseMs === null ? 'unknown' : passIf(longestPauseMs < limits.pauseMs),
    });
  }
  return checks;
}

function endChecks({ problems, away }: Measured): Check[] {
  return [
    {
      name: 'every region serves and every book has all its copies again',
      limit: 'yes',
      measured: problems.length === 0 ? 'yes' : problems.join('; '),
      result: passIf(problems.length === 0),
    },
    {
      name: 'every book is led in its home region again',
      limit: 'yes',
      measured: away.length === 0 ? 'yes' : `not ${away.join(', ')}`,
      result: passIf(away.length === 0),
    },
  ];
}

const passIf = (good: boolean): Result => (good ? 'pass' : 'fail');

/**
 * A failed check fails the drill, even an aborted one; a check with an unknown result does so
 * unless the drill was aborted.
 */
export function verdictOf(checks: readonly Check[], aborted: boolean): DrillVerdict {
  if (checks.some(({ result }) => result === 'fail')) return 'fail';
  if (aborted) return 'aborted';
  return checks.length > 0 && checks.every(({ result }) => result === 'pass') ? 'pass' : 'fail';
}
