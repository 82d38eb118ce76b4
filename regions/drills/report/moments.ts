import type { DrillReport, MarkKind, TimelineMark } from '../report.ts';
import { offsetText } from '../../report/quantities.ts';

/** The moments of a drill, as the picture and the table show them. */

/** The name of a kind on the page. */
export const kindNames: Readonly<Record<MarkKind, string>> = {
  injected: 'injected',
  detected: 'detected',
  fenced: 'fenced',
  promoted: 'promoted',
  'first-good-write': 'first good write',
  healed: 'healed',
  other: 'other',
};

/** All times on the page count from here: the first injection, or the beginning without one. */
export function zeroOf({ timeline }: Pick<DrillReport, 'timeline'>): number {
  const injections = timeline.filter(({ kind }) => kind === 'injected').map(({ atMs }) => atMs);
  return injections.length === 0 ? 0 : Math.min(...injections);
}

/** In the order of time. */
export function inOrder(timeline: readonly TimelineMark[]): TimelineMark[] {
  return timeline.toSorted((a, b) => a.atMs - b.atMs);
}

/** Marks of one kind that are written as one label, since there is no room for each. */
export interface Moment {
  /** Seconds since the zero, one for each mark, from first to last. */
  readonly at: readonly number[];
  readonly label: string;
  /** Position of the label: to the right of the last mark or to the left of the first. */
  readonly side: 'left' | 'right';
}

/** The time axis as labels need it. */
export interface Room {
  /** Labels must end here, in seconds since the zero. */
  readonly end: number;
  /** Width of a character on the axis. */
  readonly secondsPerCharacter: number;
}

/** The kinds that occur, in the order of their first mark; marks without a kind come last. */
export function lanesOf(timeline: readonly TimelineMark[]): MarkKind[] {
  const kinds = inOrder(timeline).map(({ kind }) => kind);
  const lanes = [...new Set(kinds)];
  return [...lanes.filter((kind) => kind !== 'other'), ...lanes.filter((kind) => kind === 'other')];
}

/**
 * The marks of one kind with their labels. A mark below the previous label shares that label. A
 * label that does not fit to the right of its mark goes to the left, or is cut to the time when
 * there is no room either.
 */
export function momentsOf(
  timeline: readonly TimelineMark[],
  kind: MarkKind,
  zeroMs: number,
  { end, secondsPerCharacter }: Room,
): Moment[] {
  // Two characters more than the label has: the symbol, and a gap.
  const lengthOf = (label: string) => (label.length + 2) * secondsPerCharacter;
  const secondsOf = ({ atMs }: TimelineMark) => (atMs - zeroMs) / 1000;
  const groups: TimelineMark[][] = [];
  let takenTo = -Infinity;
  for (const mark of inOrder(timeline.filter((each) => each.kind === kind))) {
    const last = groups.at(-1);
    const group = last !== undefined && secondsOf(mark) < takenTo ? last : [];
    if (group !== last) groups.push(group);
    group.push(mark);
    takenTo = secondsOf(mark) + lengthOf(labelOf(group, zeroMs));
  }
  let before = -Infinity;
  return groups.map((marks): Moment => {
    const at = marks.map(secondsOf);
    const [first = 0, last = first] = [at[0], at.at(-1)];
    const label = labelOf(marks, zeroMs);
    const fits = last + lengthOf(label) <= end;
    const side = !fits && first - lengthOf(label) > before ? 'left' : 'right';
    const shown = fits || side === 'left' ? label : whenOf(marks, zeroMs);
    before = side === 'left' ? last : last + lengthOf(shown);
    return { at, label: shown, side };
  });
}

/** Longest text of one mark in the picture; the table has all of it. */
const textMax = 34;

function labelOf(marks: readonly TimelineMark[], zeroMs: number): string {
  const when = whenOf(marks, zeroMs);
  const names = [...new Set(marks.map(nameOf))].filter((name) => name !== '');
  const what = names.join(', ');
  if (what.length <= textMax) return `${when}  ${what}`.trimEnd();
  return marks.length === 1 ? `${when}  ${shorten(what)}` : `${when}  ${marks.length} times`;
}

function whenOf(marks: readonly TimelineMark[], zeroMs: number): string {
  const [from = '', to = from] = [marks[0], marks.at(-1)]
    .filter((mark) => mark !== undefined)
    .map(({ atMs }) => offsetText(atMs - zeroMs));
  return from === to ? from : `${from} to ${to}`;
}

/** Kinds whose name does not describe what happened. */
const inWords: ReadonlySet<MarkKind> = new Set(['injected', 'healed', 'other']);

/** The name of the mark's subject; its text where there is no such name. */
function nameOf({ book, region, text, kind }: TimelineMark): string {
  const name = inWords.has(kind) ? undefined : (book ?? region);
  return name ?? text.replaceAll(/\s+/gu, ' ').trim();
}

function shorten(text: string): string {
  return `${Array.from(text)
    .slice(0, textMax - 1)
    .join('')
    .trimEnd()}…`;
}
