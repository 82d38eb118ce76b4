import type { Position } from '../history/operation.ts';

/** Safe texts for reports, whatever input a client has used. */

const LONGEST = 400;
/** Maximum number of list items in a text. */
export const SHOWN_OF_MANY = 6;

/** Cuts a text to a readable length, and removes characters that could control a terminal. */
export function shown(text: string, longest = LONGEST): string {
  const visible = text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\\u{${code.toString(16)}}`;
  });
  const characters = Array.from(visible);
  return characters.length <= longest ? visible : `${characters.slice(0, longest - 1).join('')}…`;
}

/** The first items, and the number of the others. */
export function firstOf(texts: readonly string[], most: number, what: string): string {
  const more = texts.length - most;
  const rest = more > 0 ? [`and ${more} more ${what}`] : [];
  return [...texts.slice(0, most), ...rest].join('; ');
}

/** A moment of a run: 12.345 s since it began. */
export function secondsText(ns: number): string {
  return ns === Infinity ? 'the end' : `${(ns / 1e9).toFixed(3)} s`;
}

/** Set fields, such as `asset EUR, code 3`; '' for none. Values are shown as JSON. */
export function fieldsText(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .filter(([, value]) => !isUnset(value))
    .map(([name, value]) => `${name} ${valueText(value)}`)
    .join(', ');
}

export function valueText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return String(value);
  return JSON.stringify(value, (_name, item: unknown) => {
    if (typeof item === 'bigint') return String(item);
    if (typeof item !== 'object' || item === null || Array.isArray(item)) return item;
    return Object.fromEntries(Object.entries(item).filter(([, each]) => !isUnset(each)));
  });
}

function isUnset(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === undefined || value === '' || value === 0n || value === 0 || value === false;
}

export const joined = (...parts: readonly string[]) =>
  parts.filter((part) => part !== '').join(', ');

export function positionText({ book, epoch, seq }: Position): string {
  return `book ${book}, epoch ${epoch}, seq ${seq}`;
}
