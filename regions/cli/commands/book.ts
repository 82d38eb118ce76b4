import { Command } from 'commander';

import { migrate } from '../../../ledger/store/postgres/migrate.ts';
import { ensureDatabase } from '../../../ledger/postgres/book-database.ts';
import { newPasswords } from '../../processes/environment.ts';
import { withoutPassword, withPassword } from '../../topology/passfile.ts';
import { type CommandContext, newCommand, parseDatabaseUrl } from '../connection.ts';
import { CommandFailure, ExitCode } from '../../terminal/failure.ts';
import { print, printJson } from '../../terminal/print.ts';
import { whileWaiting } from './waiting.ts';

interface BookOptions {
  readonly database: string;
  readonly json?: boolean;
}

const URL_EXAMPLE = 'postgres://postgres@127.0.0.1:5432/eu_west_1';

/** `meridian book`: the database of a book whose servers are started by hand. */
export function bookCommand({ signal }: CommandContext): Command {
  return new Command('book')
    .description('create or migrate the database of a book, for servers started by hand')
    .addHelpText('after', `\nExample:\n  $ meridian book create --database ${URL_EXAMPLE}`)
    .addCommand(
      bookChange('create', 'create the database, its roles and its schema, where missing').action(
        (options: BookOptions) => {
          const url = withPassword(options.database);
          const work = create(new URL(url)).then(() => finish('created', url, options));
          return whileWaiting('Creating the book', signal, work);
        },
      ),
    )
    .addCommand(
      bookChange('migrate', 'bring the schema of a book up to date').action(
        (options: BookOptions) => {
          const work = finish('migrated', withPassword(options.database), options);
          return whileWaiting('Migrating the book', signal, work);
        },
      ),
    );
}

function bookChange(name: string, description: string): Command {
  return newCommand(name, `${description}; safe to run again`, [
    `book ${name} --database ${URL_EXAMPLE}`,
  ])
    .requiredOption(
      '--database <url>',
      'its database as the owner, without a password: that is in PGPASSWORD or PGPASSFILE',
      parseDatabase,
    )
    .addHelpText(
      'after',
      name === 'create'
        ? '\nRoles that are made get the passwords in MERIDIAN_LEDGER_PASSWORD and\n' +
            'MERIDIAN_AUDITOR_PASSWORD; without them they have none.'
        : '',
    );
}

async function create(url: URL): Promise<void> {
  const database = decodeURIComponent(url.pathname.slice(1));
  const server = new URL(url);
  server.pathname = '/postgres';
  await ensureDatabase(withPassword(server.href), database, newPasswords());
}

async function finish(done: 'created' | 'migrated', url: string, options: BookOptions) {
  await migrate(url);
  const database = withoutPassword(url);
  if (options.json) return printJson({ database, [done]: true });
  return print(`The book in ${database} is ${done} and up to date.`);
}

function parseDatabase(text: string): string {
  const url = parseDatabaseUrl(text);
  if (new URL(url).password === '') return url;
  throw new CommandFailure(
    ExitCode.usage,
    '--database: give the password in PGPASSWORD or PGPASSFILE, not in the URL',
  );
}
