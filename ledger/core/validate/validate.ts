import * as limits from '../limits.ts';
import { NO_METADATA } from '../no-metadata.ts';

/** A field whose value no state of the ledger could accept. */
export interface FieldViolation {
  /** Path as in the proto, such as `transfers[17].amount`. */
  readonly field: string;
  readonly description: string;
}

/** More violations than this are not listed. */
const VIOLATIONS_MAX = 100;

/** Collects what is wrong with the fields of one message. */
export class Violations {
  readonly found: FieldViolation[] = [];
  readonly #path: string;

  /** @param path precedes the name of each field */
  constructor(path: string) {
    this.#path = path;
  }

  check(ok: boolean, field: string, description: string): void {
    if (!ok) this.found.push({ field: this.#path + field, description });
  }

  /** The length of the text must be within these bounds, and Postgres must be able to store it. */
  text(text: string, field: string, lengthMin: number, lengthMax: number): void {
    this.check(isText(text, lengthMin, lengthMax), field, textOf(lengthMin, lengthMax));
  }

  /** The two texts that name what is asked. */
  key({ idempotencyKey, namespace }: { idempotencyKey: string; namespace: string }): void {
    this.text(idempotencyKey, 'idempotency_key', 1, limits.KEY_LENGTH_MAX);
    this.text(namespace, 'namespace', 0, limits.NAMESPACE_LENGTH_MAX);
  }
}

/** Violations of a call with many items: too many of them, or what each one's check finds. */
export function validateAll<T>(
  items: readonly T[],
  name: string,
  validate: (item: T) => FieldViolation[],
  itemsMax = limits.CALL_ITEMS_MAX,
): FieldViolation[] {
  if (items.length === 0 || items.length > itemsMax) {
    const description = `must have 1 to ${itemsMax} items, not ${items.length}`;
    return [{ field: name, description }];
  }
  const found: FieldViolation[] = [];
  for (let index = 0; index < items.length; index += 1) {
    const item = items[index];
    const violations = item === undefined ? [] : validate(item);
    if (violations.length === 0) continue;
    for (const { field, description } of violations) {
      found.push({ field: `${name}[${index}].${field}`, description });
    }
    if (found.length >= VIOLATIONS_MAX) return found;
  }
  return found;
}

const ASSET = /^[A-Z0-9_.-]{1,16}$/;
const SCALED_ASSET = /^[A-Z0-9_.-]{1,16}(?:\/(?:\d|1[0-8]))?$/;

/** True if the text can be the code of an asset. */
export function isAsset(text: string): boolean {
  return ASSET.test(text);
}

/** True if the text can name an asset, with its scale or without. */
export function isNamedAsset(text: string): boolean {
  return SCALED_ASSET.test(text);
}

/** True if the length of the text (UTF-16 units) is within these bounds and it can be stored. */
export function isText(text: string, lengthMin: number, lengthMax: number): boolean {
  // Postgres cannot store NUL in text, nor half of a surrogate pair. The replacement character
  // takes the place of bytes that are not UTF-8: two keys with such bytes would look the same.
  return (
    text.length >= lengthMin &&
    text.length <= lengthMax &&
    !text.includes('\0') &&
    !text.includes('\uFFFD') &&
    text.isWellFormed()
  );
}

/** True if the pairs are within the limits of metadata. */
export function isMetadata(metadata: Readonly<Record<string, string>>): boolean {
  if (metadata === NO_METADATA) return true;
  let pairs = 0;
  for (const name in metadata) {
    pairs += 1;
    if (
      pairs > limits.METADATA_PAIRS_MAX ||
      !isText(name, 1, limits.METADATA_NAME_LENGTH_MAX) ||
      !isText(metadata[name] ?? '', 0, limits.METADATA_VALUE_LENGTH_MAX)
    ) {
      return false;
    }
  }
  return true;
}

/** The description of the violation when a text fails `isText`. */
function textOf(lengthMin: number, lengthMax: number): string {
  const length = lengthMin === 0 ? `at most ${lengthMax}` : `${lengthMin} to ${lengthMax}`;
  return `must have ${length} characters, none of them NUL or U+FFFD`;
}

export const NOT_AN_ACCOUNT_ID = 'must be an account id: book number in the top 16 bits';
export const NOT_AN_ASSET = 'must be 1 to 16 of A-Z, 0-9, "_", "." and "-"';
export const NOT_A_NAMED_ASSET = `${NOT_AN_ASSET}; with its scale, "/" and 0 to 18 follow`;
export const NOT_METADATA =
  `must have at most ${limits.METADATA_PAIRS_MAX} pairs, names of 1 to ` +
  `${limits.METADATA_NAME_LENGTH_MAX} and values of up to ` +
  `${limits.METADATA_VALUE_LENGTH_MAX} characters, none of them NUL or U+FFFD`;
