import { createReadStream } from 'node:fs';

import { parse } from 'csv-parse/sync';

import { BadFileError, type BadLine, BadLineError } from './bad-line.ts';

/** No line of these files comes near this; a file without line ends must not fill memory. */
const LINE_LENGTH_MAX = 16_384;

/** Returns the value of a line in a column. */
export type Fields<Column extends string> = (column: Column) => string;

/** A line that could be read, or one that could not. */
export type Line<T> =
  | { readonly line: number; readonly value: T }
  | { readonly line: number; readonly bad: BadLine };

/**
 * Reads a CSV file with a header as a stream: one line is one record, columns may be in any
 * order and further columns are ignored. `read` makes a record of a line or throws
 * BadLineError, which rejects that line only. Empty lines are skipped.
 *
 * Throws BadFileError when the file cannot be read or its header lacks a column.
 */
export async function* readCsv<Column extends string, T>(
  file: string,
  columns: readonly Column[],
  read: (fields: Fields<Column>) => T,
): AsyncGenerator<Line<T>> {
  let places: Map<Column, number> | undefined;
  let width = 0;
  for await (const { line, text } of readLines(file)) {
    if (!places) {
      const header = headerOf(file, text);
      places = placesOf(file, header, columns);
      width = header.length;
      continue;
    }
    if (text === '') continue;
    try {
      yield { line, value: read(fieldsOf(text, places, width)) };
    } catch (error) {
      if (!(error instanceof BadLineError)) throw error;
      yield { line, bad: { file, line, error: error.error, detail: error.message } };
    }
  }
  if (!places) throw new BadFileError(`${file} is empty: it needs a header line`);
}

function headerOf(file: string, text: string): string[] {
  try {
    return split(text).map((name) => name.trim());
  } catch (error) {
    if (!(error instanceof BadLineError)) throw error;
    throw new BadFileError(`${file}: the header line cannot be read (${error.error})`);
  }
}

function placesOf<Column extends string>(
  file: string,
  header: readonly string[],
  columns: readonly Column[],
): Map<Column, number> {
  const places = new Map<Column, number>();
  for (const column of columns) {
    const place = header.indexOf(column);
    if (place < 0) {
      const needed = columns.join(',');
      throw new BadFileError(`${file}: the header has no column "${column}"; needed: ${needed}`);
    }
    if (header.lastIndexOf(column) !== place) {
      throw new BadFileError(`${file}: the header has column "${column}" twice`);
    }
    places.set(column, place);
  }
  return places;
}

function fieldsOf<Column extends string>(
  text: string,
  places: ReadonlyMap<Column, number>,
  width: number,
): Fields<Column> {
  if (text.length > LINE_LENGTH_MAX) {
    throw new BadLineError('line_too_long', `more than ${LINE_LENGTH_MAX} characters`);
  }
  // The decoder puts this in the place of bytes that are not UTF-8.
  if (text.includes('\uFFFD')) throw new BadLineError('not_utf8', 'bytes that are not UTF-8');
  const values = split(text);
  if (values.length !== width) {
    throw new BadLineError('wrong_column_count', `${values.length} columns instead of ${width}`);
  }
  return (column) => values[places.get(column) ?? -1] ?? '';
}

/**
 * The parser sees one line at a time, and only those with quotes: a quote that is never closed
 * then makes only its own line bad instead of swallowing the next ones, and line numbers are exact.
 */
function split(text: string): string[] {
  if (!text.includes('"')) return text.split(',');
  try {
    const [values] = parse(text, { relax_column_count: true });
    return values ?? [];
  } catch {
    throw new BadLineError('quote_malformed', 'a quote is not closed or stands inside a value');
  }
}

/** Lines with their numbers from 1, without line ends. Too long ones come cut off. */
async function* readLines(file: string): AsyncGenerator<{ line: number; text: string }> {
  let rest = '';
  let line = 0;
  const take = (text: string) => {
    line += 1;
    const end = text.endsWith('\r') ? text.length - 1 : text.length;
    const start = line === 1 && text.startsWith('\uFEFF') ? 1 : 0;
    return { line, text: text.slice(start, end) };
  };
  for await (const chunk of chunksOf(file)) {
    const parts = (rest + chunk).split('\n');
    rest = (parts.pop() ?? '').slice(0, LINE_LENGTH_MAX + 1);
    for (const part of parts) yield take(part);
  }
  if (rest !== '') yield take(rest);
}

async function* chunksOf(file: string): AsyncGenerator<string> {
  try {
    for await (const chunk of createReadStream(file, { encoding: 'utf8' })) yield String(chunk);
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    const text = why === 'ENOENT' ? 'no such file' : why === 'EISDIR' ? 'it is a folder' : why;
    throw new BadFileError(`${file} cannot be read: ${text}`);
  }
}
