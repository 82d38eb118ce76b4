import { stringify } from 'csv-stringify/sync';

const NUMBER = /^[+-]?\d+(?:\.\d+)?$/u;

/**
 * Lines of CSV. A spreadsheet would run a text that begins with = + - @ or a tab as a formula, so
 * such a text gets a "'" in front; numbers stay as they are.
 */
export function csvLines(rows: readonly (readonly (string | bigint | number)[])[]): string {
  return stringify(
    rows.map((row) => [...row]),
    {
      eof: false,
      escape_formulas: true,
      cast: {
        string: (text) => (NUMBER.test(text) ? { value: text, escape_formulas: false } : text),
      },
    },
  );
}
