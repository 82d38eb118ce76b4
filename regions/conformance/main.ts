// npm run conformance: reports whether a database server can hold books.
import { Command } from 'commander';
import { parseDatabaseUrl } from '../cli/connection.ts';
import { CommandFailure } from '../terminal/failure.ts';
import { note, print, printJson, styled } from '../terminal/print.ts';
import { table } from '../terminal/table.ts';
import { withPassword } from '../topology/passfile.ts';
import { checkDatabase, type Conformance, NotReachable } from './check-database.ts';
import type { Finding, CheckResult } from './finding.ts';

/** 130: Ctrl-C, as shells have it. */
const EXIT = { holds: 0, lacks: 1, usage: 2, unreachable: 3, interrupted: 130 } as const;

interface Options {
  readonly database: string;
  readonly json?: boolean;
  readonly contract: boolean;
}

const HELP = `
Works with any Postgres 15 or newer, managed services included, and shows of other engines that
speak its protocol what they lack. Everything is written into a database of its own, which is
dropped in the end; nothing else is changed. The role needs CREATEDB and, unless the roles
meridian_ledger and auditor are there, CREATEROLE. It takes about a minute.

The password is that of PGPASSWORD or PGPASSFILE (~/.pgpass), as psql finds it.
Exit code: 0 it can hold books, 1 it cannot, 2 wrong usage, 3 it cannot be reached.

Example:
  $ PGPASSWORD=... npm run conformance -- --database postgres://owner@127.0.0.1:5432/postgres`;

function command(): Command {
  return new Command('conformance')
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : EXIT.usage))
    .description('Reports whether a database server can hold books, and what it lacks.')
    .requiredOption('--database <url>', 'any database of the server, without a password', parse)
    .option('--json', 'print the report as JSON')
    .option('--no-contract', 'leave the tests of stores out')
    .allowExcessArguments(false)
    .addHelpText('after', HELP);
}

function parse(text: string): string {
  try {
    const url = parseDatabaseUrl(text);
    if (new URL(url).password === '') return url;
    note('--database: give the password in PGPASSWORD or PGPASSFILE, not in the URL');
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    note(error.message);
  }
  return process.exit(EXIT.usage);
}

const STYLES: Readonly<Record<CheckResult, Parameters<typeof styled>[0]>> = {
  passed: 'green',
  lacks: 'red',
  advice: 'yellow',
  'not checked': 'yellow',
};

const rowOf = ({ check, verdict, text }: Finding) => [
  check,
  styled(STYLES[verdict], verdict),
  text,
];

async function report({ holds, findings, left }: Conformance, json: boolean): Promise<void> {
  if (json) return printJson({ holds, findings, ...(left !== '' && { left }) });
  const columns = [{ title: 'check' }, { title: 'result' }, { title: 'seen' }];
  await print(table(columns, findings.map(rowOf)));
  await print(holds ? 'It can hold books.' : styled('red', 'It cannot hold books.'));
  if (left !== '') note(left);
}

async function main(signal: AbortSignal): Promise<number> {
  const { database, json = false, contract } = command().parse().opts<Options>();
  const shown = process.stderr.isTTY && !json;
  try {
    const conformance = await checkDatabase({
      url: withPassword(database),
      contract,
      onCheck: (name) => {
        if (shown) note(`checking ${name} …`);
      },
      onFinding: () => undefined,
      signal,
    });
    await report(conformance, json);
    return conformance.holds ? EXIT.holds : EXIT.lacks;
  } catch (error) {
    if (signal.aborted) return EXIT.interrupted;
    if (!(error instanceof NotReachable)) throw error;
    note(`${database} cannot be reached: ${error.message}`);
    return EXIT.unreachable;
  }
}

const stopping = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => stopping.abort());
process.exitCode = await main(stopping.signal);
