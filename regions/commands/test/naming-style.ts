/** The names of all that commands print as JSON. */
const STYLE = /^[a-z][a-zA-Z0-9]*$/u;

/** Fields whose value is a map: the names in it are data. */
const MAPS: ReadonlySet<string> = new Set([
  'metadata',
  'reasons',
  'replayedByRegion',
  'invariants',
]);

/** The names in JSON that are not in camel case, with the path that leads to them. */
export function namesOfOtherStyle(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => namesOfOtherStyle(item, `${path}[${index}]`));
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => {
    const own = STYLE.test(name) ? [] : [`${path}.${name}`];
    return MAPS.has(name) ? own : [...own, ...namesOfOtherStyle(inner, `${path}.${name}`)];
  });
}

/** Throws an Error that names what is not in camel case. */
export function requireNamingStyle(value: unknown): void {
  const found = namesOfOtherStyle(value);
  if (found.length > 0) throw new Error(`not in camel case: ${found.join(', ')}`);
}
