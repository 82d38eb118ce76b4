import { styleText } from 'node:util';

import { visible, visibleLines } from './visible.ts';

/**
 * The only place that writes to the terminal. Results go to stdout, so that they can be piped;
 * all else goes to stderr.
 */

/** Prints text for people: control characters that came with the data are shown, not obeyed. */
export function print(text: string): Promise<void> {
  return printRaw(visibleLines(text));
}

/**
 * Prints JSON or CSV for programs, as it is. Ends when the text is taken, so that a long result
 * never piles up in memory.
 */
export async function printRaw(text: string): Promise<void> {
  await new Promise<void>((resolve) => {
    // Told also when nobody takes it any more.
    if (process.stdout.write(`${text}\n`, () => resolve())) resolve();
  });
}

/** Prints a value as JSON. Amounts and ids become strings: they can exceed what JSON numbers hold. */
export function printJson(value: unknown): Promise<void> {
  return printRaw(toJson(value, 2));
}

/** JSON on one line, or indented. */
export function toJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, plain, indent);
}

function plain(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  return value instanceof Map ? Object.fromEntries(value) : value;
}

/** Fields for people, one a line, their values below each other. */
export function fieldLines(fields: readonly (readonly [name: string, value: string])[]): string {
  return fields.map(([name, value]) => `${visible(name).padEnd(12)} ${visible(value)}`).join('\n');
}

/** A line about what is going on. */
export function note(text: string): void {
  process.stderr.write(`${visibleLines(text)}\n`);
}

type Style = Parameters<typeof styleText>[0];

/** Styles a text for stdout; nothing is added unless stdout is a terminal that wants colours. */
export function styled(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

/** The same for stderr. */
export function styledNote(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stderr });
}

/** A count for people, such as 20,000. Not for amounts, which are printed as they are typed. */
export function count(value: number | bigint): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 0 });
}

/** Milliseconds for people: 0.84 ms, 12.3 ms, 140 ms. */
export function milliseconds(value: number): string {
  return `${value.toFixed(value < 1 ? 2 : value < 100 ? 1 : 0)} ms`;
}

/** How often what is watched is shown again. */
export const WATCH_MS = 1_000;

/** Empties the terminal that stdout is. False: it is none, and nothing is written. */
export function clearScreen(): boolean {
  if (process.stdout.isTTY) process.stdout.write('\u001B[H\u001B[J');
  return process.stdout.isTTY;
}

/** Writes what is left of a line of progress away and shows the cursor again. */
export function restoreTerminal(): void {
  if (process.stderr.isTTY) process.stderr.write('\u001B[?25h');
}

/** What is printed when nobody reads it any more is dropped: the work goes on, and its exit code counts. */
export function goOnWhenPipesClose(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
}

/** A reader that has seen enough, such as `head`, is no fault of the command. */
export function endQuietlyWhenPipeCloses(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
}
