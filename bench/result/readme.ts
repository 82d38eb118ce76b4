import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from '../../regions/topology/layout.ts';

const BEGIN = '<!-- bench:begin -->';
const END = '<!-- bench:end -->';

/**
 * Returns the text with the part between the marks replaced.
 * @throws Error if the marks are missing, or there more than once
 */
export function withTable(text: string, table: string): string {
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  const twice = text.lastIndexOf(BEGIN) !== begin || text.lastIndexOf(END) !== end;
  if (begin < 0 || end < begin || twice) {
    throw new Error(`there must be one line ${BEGIN} and below it one line ${END}`);
  }
  return `${text.slice(0, begin + BEGIN.length)}\n\n${table}\n\n${text.slice(end)}`;
}

/**
 * Puts the table into the README of the checkout.
 * @throws Error if there is none, or it lacks the marks
 */
export function writeReadme(table: string): void {
  const path = join(checkout, 'README.md');
  if (!existsSync(path)) throw new Error('there is no README.md to write the table to');
  try {
    writeFileSync(path, withTable(readFileSync(path, 'utf8'), table));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`README.md: ${why}`, { cause: error });
  }
}
