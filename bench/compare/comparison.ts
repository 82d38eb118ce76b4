import { count, milliseconds } from '../../regions/terminal/print.ts';
import { median } from '../measure/median.ts';
import type { ComparedPart, RunFigures } from './run-figures.ts';

/** The lowest ratio to the earlier commit that is accepted; a lower one is a regression. */
const RATIO_MIN = 0.9;

/** One run of each commit, the earlier one first. */
export interface Round {
  readonly before: RunFigures;
  readonly now: RunFigures;
}

/** The result of a part; figures are requests per second, for part d milliseconds. */
export interface PartComparison {
  readonly part: ComparedPart;
  readonly before: readonly number[];
  readonly now: readonly number[];
  /** Speed now by speed before, of each round: below 1 is slower. */
  readonly ratios: readonly number[];
  readonly medianRatio: number;
  readonly fell: boolean;
}

/** The result of one comparison; the result files hold it as JSON. */
export interface Comparison {
  /** ISO 8601. */
  readonly startedAt: string;
  readonly seconds: number;
  readonly profile: string;
  /** The earlier commit. */
  readonly against: string;
  readonly commit: string;
  /** True: the checkout had changes that are not in the commit. */
  readonly dirty: boolean;
  /** True: the earlier commit asks for other packages than those that both ran on. */
  readonly packagesDiffer: boolean;
  readonly parts: readonly PartComparison[];
  /** Why figures are void; empty: all hold. */
  readonly findings: readonly string[];
}

export function compareRounds(
  parts: readonly ComparedPart[],
  rounds: readonly Round[],
): PartComparison[] {
  return parts.map((part) => {
    const before = rounds.map((round) => round.before[part] ?? 0);
    const now = rounds.map((round) => round.now[part] ?? 0);
    const ratios = before.map((value, round) => speedRatio(part, value, now[round] ?? 0));
    const medianRatio = median(ratios);
    return { part, before, now, ratios, medianRatio, fell: medianRatio < RATIO_MIN };
  });
}

/** Of rates, now by before; of latencies the other way round. Zero if there is no figure. */
function speedRatio(part: ComparedPart, before: number, now: number): number {
  if (before === 0 || now === 0) return 0;
  return part === 'd' ? before / now : now / before;
}

/** True: no part fell, and all figures hold. */
export function isSound({ parts, findings }: Comparison): boolean {
  return findings.length === 0 && parts.every(({ fell }) => !fell);
}

/** The comparison as a table in Markdown. */
export function comparisonTable(comparison: Comparison): string {
  const { against, commit, dirty, profile, parts, startedAt, findings } = comparison;
  const now = dirty ? `${commit} with changes` : commit;
  const lines = [
    `| part | ${against} | ${now} | ratio | from | to | at least ${RATIO_MIN.toFixed(2)} |`,
    '|---|---:|---:|---:|---:|---:|---|',
  ];
  for (const each of parts) {
    const { part, ratios, medianRatio, fell } = each;
    const numbers = [medianRatio, Math.min(...ratios), Math.max(...ratios)];
    const cells = [
      part === 'd' ? 'd: p50 at 1,000/s' : part,
      figure(part, each.before),
      figure(part, each.now),
      ...numbers.map((ratio) => (ratios.length > 0 ? ratio.toFixed(2) : '')),
      fell ? '**no**' : 'yes',
    ];
    lines.push(`| ${cells.join(' | ')} |`);
  }
  const rounds = parts[0]?.ratios.length ?? 0;
  lines.push(
    '',
    `${startedAt.slice(0, 10)}, profile ${profile}, ${rounds} rounds in turns. Figures are medians; ` +
      'a ratio is speed now by speed before, the median of the rounds, below 1 slower.',
  );
  for (const finding of findings) lines.push('', `**Void:** ${finding}`);
  return lines.join('\n');
}

function figure(part: ComparedPart, values: readonly number[]): string {
  const value = median(values);
  return part === 'd' ? milliseconds(value) : `${count(value)}/s`;
}
