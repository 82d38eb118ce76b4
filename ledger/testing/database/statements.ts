/** The statements of a migration, in their order. What stands between `$$` belongs to one of them. */
export function statementsOf(sql: string): string[] {
  const statements: string[] = [];
  let own = '';
  let isQuoted = false;
  for (const line of sql.split('\n')) {
    if (!isQuoted && line.trimStart().startsWith('--')) continue;
    own += `${line}\n`;
    for (const _ of line.matchAll(/\$\$/gu)) isQuoted = !isQuoted;
    if (isQuoted || !line.replace(/--.*$/u, '').trimEnd().endsWith(';')) continue;
    statements.push(own);
    own = '';
  }
  if (own.trim() !== '') statements.push(own);
  return statements;
}
