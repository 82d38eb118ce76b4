/** Elements of an array literal of Postgres, as text; null where it contains NULL. */
export function elementsOf(literal: string): (string | null)[] {
  const body = literal.slice(1, -1);
  if (body === '') return [];
  if (body === 'NULL') return [null];
  if (!body.includes('"')) return body.split(',').map((item) => (item === 'NULL' ? null : item));
  const found: (string | null)[] = [];
  for (const [, quoted, plain] of body.matchAll(/(?:"((?:[^"\\]|\\.)*)"|([^,"]+))(?:,|$)/gsu)) {
    if (quoted !== undefined) found.push(quoted.replaceAll(/\\(.)/gsu, '$1'));
    else found.push(plain === undefined || plain === 'NULL' ? null : plain);
  }
  return found;
}
