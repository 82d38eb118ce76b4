/** What data may contain and a terminal would obey: C0 and C1 controls, and bidi and zero-width marks. */
const HIDDEN = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;

/** Colours and weights, as this command itself adds them. */
const STYLE = new RegExp(`(${String.fromCodePoint(0x1b)}\\[[0-9;]*m)`, 'u');

/** For `visible`: the text has been styled by this command, and keeps its styles. */
export const KEEP_STYLES = 'keep styles';

/**
 * A text for the terminal with its invisible characters as \\u{HEX}, so that data can neither
 * move the cursor nor change the order in which the rest is read.
 */
export function visible(text: string, styles?: typeof KEEP_STYLES): string {
  if (styles === undefined) return escaped(text);
  return text
    .split(STYLE)
    .map((part, index) => (index % 2 === 1 ? part : escaped(part)))
    .join('');
}

/** Several lines of which each is visible. */
export function visibleLines(text: string): string {
  return text
    .split('\n')
    .map((line) => visible(line, KEEP_STYLES))
    .join('\n');
}

function escaped(text: string): string {
  return text.replaceAll(HIDDEN, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`);
}
