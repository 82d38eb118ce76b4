import { count, milliseconds } from '../../regions/terminal/print.ts';
import { median } from '../measure/median.ts';
import { mebibytes } from '../measure/resident-memory.ts';
import {
  type ComparedFigure,
  comparedFigures,
  type ComparedPart,
  type FigureName,
  isLessBetter,
} from './compared-figures.ts';
import type { RunFigures } from './run-figures.ts';

/** The lowest ratio to the earlier commit that is accepted; a lower one is a regression. */
const RATIO_MIN = 0.9;

/** One run of each commit, the earlier one first. */
export interface Round {
  readonly before: RunFigures;
  readonly now: RunFigures;
}

/** The comparison of one figure. */
export interface FigureComparison {
  readonly figure: FigureName;
  readonly before: readonly number[];
  readonly now: readonly number[];
  /** How good it is now by how good it was before, of each round: below 1 is worse. */
  readonly ratios: readonly number[];
  readonly medianRatio: number;
  readonly fell: boolean;
}

/** A part that the earlier commit cannot be compared in. */
export interface Incomparable {
  readonly part: string;
  readonly reason: string;
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
  readonly figures: readonly FigureComparison[];
  readonly incomparable: readonly Incomparable[];
  /** Why figures are void; empty: all hold. */
  readonly findings: readonly string[];
}

const figureNames = Object.keys(comparedFigures).filter(
  (name): name is FigureName => name in comparedFigures,
);

/** Compares the figures of some parts, those apart that explain others and were not measured. */
export function compareRounds(
  parts: readonly ComparedPart[],
  rounds: readonly Round[],
): FigureComparison[] {
  return figureNames
    .filter((figure) => parts.includes(comparedFigures[figure].part))
    .map((figure) => compareFigure(figure, rounds))
    .filter(({ figure, medianRatio }) => comparedFigures[figure].judged || medianRatio > 0);
}

function compareFigure(figure: FigureName, rounds: readonly Round[]): FigureComparison {
  const { unit, judged } = comparedFigures[figure];
  const before = rounds.map((round) => round.before.figures[figure] ?? 0);
  const now = rounds.map((round) => round.now.figures[figure] ?? 0);
  const ratios = before.map((value, round) => goodness(unit, value, now[round] ?? 0));
  const medianRatio = median(ratios);
  return { figure, before, now, ratios, medianRatio, fell: judged && medianRatio < RATIO_MIN };
}

/** Of rates, now by before; where less is better the other way round. Zero without a figure. */
function goodness(unit: ComparedFigure['unit'], before: number, now: number): number {
  if (before === 0 || now === 0) return 0;
  return isLessBetter(unit) ? before / now : now / before;
}

/** True: no figure fell, and all hold. */
export function isSound({ figures, findings }: Comparison): boolean {
  return findings.length === 0 && figures.every(({ fell }) => !fell);
}

/** The comparison as a table in Markdown. */
export function comparisonTable(comparison: Comparison): string {
  const { against, commit, dirty, profile, figures, startedAt, findings } = comparison;
  const now = dirty ? `${commit} with changes` : commit;
  const lines = [
    `| figure | ${against} | ${now} | ratio | from | to | at least ${RATIO_MIN.toFixed(2)} |`,
    '|---|---:|---:|---:|---:|---:|---|',
    ...figures.map(row),
  ];
  const rounds = figures[0]?.ratios.length ?? 0;
  lines.push(
    '',
    `${startedAt.slice(0, 10)}, profile ${profile}, ${rounds} rounds in turns. Figures are medians; ` +
      'a ratio is how good it is now by how good it was, the median of the rounds, below 1 worse.',
  );
  for (const { part, reason } of comparison.incomparable) {
    lines.push('', `**${part} is not compared:** ${reason}`);
  }
  for (const finding of findings) lines.push('', `**Void:** ${finding}`);
  return lines.join('\n');
}

function row({ figure, before, now, ratios, medianRatio, fell }: FigureComparison): string {
  const { name, unit, judged } = comparedFigures[figure];
  const numbers = [medianRatio, Math.min(...ratios), Math.max(...ratios)];
  const verdict = fell ? '**no**' : 'yes';
  const cells = [
    name,
    valueText(unit, median(before)),
    valueText(unit, median(now)),
    ...numbers.map((ratio) => (ratios.length > 0 ? ratio.toFixed(2) : '')),
    judged ? verdict : '',
  ];
  return `| ${cells.join(' | ')} |`;
}

function valueText(unit: ComparedFigure['unit'], value: number): string {
  switch (unit) {
    case 'perSecond':
      return `${count(value)}/s`;
    case 'ms':
      return milliseconds(value);
    case 'micros':
      return `${value.toFixed(1)} µs`;
    case 'bytes':
      return `${count(value)} bytes`;
    case 'mebibytes':
      return mebibytes(value);
  }
}
