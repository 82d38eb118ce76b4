import Table from 'cli-table3';

import { styled } from './print.ts';
import { KEEP_STYLES, visible } from './visible.ts';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/** Rows as a table with lines between its columns, in the width that its content needs. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const drawn = new Table({
    head: columns.map(({ title }) => styled('bold', title)),
    colAligns: columns.map(({ align }) => align ?? 'left'),
    style: { head: [], border: [], compact: true },
  });
  for (const row of rows) drawn.push(row.map((cell) => visible(cell, KEEP_STYLES)));
  return drawn.toString();
}
