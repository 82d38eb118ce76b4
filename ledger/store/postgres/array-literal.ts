/**
 * Array literals of Postgres, made by joining text. The driver's own serializer looks at each
 * element on its own, which is a measurable share of a batch; a literal is passed through.
 */
export function numbersLiteral(values: readonly (number | bigint | null)[]): string {
  // An absent element joins as an empty text, which Postgres does not read as NULL.
  let text = '{';
  for (const [index, value] of values.entries()) {
    if (index > 0) text += ',';
    text += value === null ? 'NULL' : String(value);
  }
  return `${text}}`;
}

/** Ids are UUIDs, which need no quotes. */
export function idsLiteral(values: readonly (string | null)[]): string {
  let text = '{';
  for (const [index, value] of values.entries()) {
    if (index > 0) text += ',';
    text += value ?? 'NULL';
  }
  return `${text}}`;
}

/** Bytes, given by their hexadecimal digits. */
export function bytesLiteral(values: readonly string[]): string {
  return textsLiteral(values.map((value) => String.raw`\x${value}`));
}

/** Any text; '' becomes NULL. */
export function textsLiteral(values: readonly string[]): string {
  let text = '{';
  for (const [index, value] of values.entries()) {
    if (index > 0) text += ',';
    text += value === '' ? 'NULL' : `"${value.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
  }
  return `${text}}`;
}
