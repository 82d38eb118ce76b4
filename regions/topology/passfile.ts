import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../processes/atomic-file.ts';
import { ownPassfile, ownPassword } from '../processes/environment.ts';

/**
 * Passwords of databases as libpq keeps them: in a file of lines HOST:PORT:DATABASE:USER:PASSWORD,
 * because arguments and what a terminal shows can be read by others.
 */

/** Where the passwords of auditors are, below the data folder. */
export const auditorPassfileName = 'auditor.pgpass';

export const auditorPassfile = (root: string): string => join(root, auditorPassfileName);

const escaped = (text: string) => text.replaceAll(/[\\:]/gu, '\\$&');

function lineOf(text: string): string {
  const url = new URL(text);
  const database = url.pathname.slice(1);
  const fields = [url.hostname, url.port || '5432', database, url.username, url.password];
  return fields.map((field) => escaped(decodeURIComponent(field))).join(':');
}

/** Writes the password file of auditors for these URLs, unless it already has this content. */
export function writeAuditorPassfile(root: string, urls: readonly string[]): void {
  if (urls.length === 0) return;
  const text = `${[...new Set(urls.map(lineOf))].join('\n')}\n`;
  const path = auditorPassfile(root);
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return;
  writeFileAtomic(path, text, 0o600);
}

/** The URL of a database without the password that it holds. */
export function withoutPassword(text: string): string {
  const url = new URL(text);
  url.password = '';
  return url.href;
}

/** The psql command that opens a database as the auditor, to be pasted into a shell. */
export function psqlCommand(root: string, auditorUrl: string): string {
  const path = auditorPassfile(root);
  const quoted = /^[\w@%+=:,./-]+$/u.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
  return `PGPASSFILE=${quoted} psql ${withoutPassword(auditorUrl)}`;
}

/** The fields of a line of a password file. */
function fieldsOf(line: string): string[] {
  const fields = line.match(/(?:\\.|[^\\:])*(?::|$)/gu) ?? [];
  return fields.map((field) => field.replace(/:$/u, '').replaceAll(/\\(.)/gu, '$1'));
}

/**
 * The URL with a password: its own, or else that of PGPASSWORD, or of the password file that
 * PGPASSFILE names (~/.pgpass without it), as psql finds it. Unchanged if there is none.
 */
export function withPassword(
  text: string,
  password: string | undefined = ownPassword(),
  passfile: string = ownPassfile(),
): string {
  const url = new URL(text);
  if (url.password !== '') return text;
  const found = password ?? passwordIn(passfile, url);
  if (found === undefined) return text;
  url.password = encodeURIComponent(found);
  return url.href;
}

function passwordIn(passfile: string, url: URL): string | undefined {
  if (!existsSync(passfile)) return undefined;
  const parts = [url.hostname, url.port || '5432', url.pathname.slice(1), url.username];
  const wanted = parts.map((part) => decodeURIComponent(part));
  for (const line of readFileSync(passfile, 'utf8').split('\n')) {
    if (line.startsWith('#')) continue;
    const fields = fieldsOf(line);
    if (fields.length < 5) continue;
    if (wanted.every((part, index) => fields[index] === '*' || fields[index] === part)) {
      return fields[4];
    }
  }
  return undefined;
}
