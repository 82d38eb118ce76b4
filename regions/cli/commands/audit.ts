import { type Command, Option } from 'commander';

import { runAudit } from '../../../ledger/audit/run-audit.ts';
import { auditTable, verdictOf } from './audit-table.ts';
import type { ClusterState } from '../../topology/state.ts';
import { withPassword } from '../../topology/passfile.ts';
import { primaryUrls } from '../../topology/primary.ts';
import {
  type CommandContext,
  dataOption,
  newCommand,
  parseDatabaseUrl,
  startedCluster,
} from '../connection.ts';
import { ExitCode } from '../../terminal/failure.ts';
import { Progress } from '../../terminal/progress.ts';
import { print, printJson } from '../../terminal/print.ts';

/** An audit that is over sooner shows no progress. */
const QUIET_MS = 2_000;

interface AuditOptions {
  readonly data: string;
  readonly database?: readonly string[];
  readonly json?: boolean;
}

/** `meridian audit` */
export function auditCommand(context: CommandContext): Command {
  return newCommand('audit', 'read every journal from its first row and check that all adds up', [
    'audit',
    'audit --json > audit.json',
    'audit --database postgres://auditor@127.0.0.1:7402/eu_west_1',
  ])
    .addOption(dataOption())
    .addOption(
      new Option(
        '--database <url>',
        "a book's database, its primary (compared with a copy that lags, money in transit looks lost), its password in PGPASSWORD or PGPASSFILE; repeat it for each book",
      ).argParser(parseDatabase),
    )
    .action(async (options: AuditOptions) => {
      const urls =
        options.database?.map((url) => withPassword(url)) ??
        (await databasesOf(startedCluster(options)));
      const report = await auditWithProgress(urls, context);
      if (!report.ok) context.exit(ExitCode.refused);
      if (options.json) return printJson(report);
      await print(auditTable(report));
      return print(verdictOf(report));
    });
}

/** Where books have replicas, their primaries: only those have everything. */
function databasesOf(state: ClusterState): readonly string[] | Promise<readonly string[]> {
  if (state.replicated !== undefined) return primaryUrls(state);
  return state.books.map(({ auditorUrl }) => auditorUrl);
}

/** Runs the audit and shows how far it is when it takes longer than a moment. */
export async function auditWithProgress(
  urls: readonly string[],
  { signal }: CommandContext,
): ReturnType<typeof runAudit> {
  const progress = new Progress('Audit', 'journal rows');
  const startedAt = performance.now();
  const onProgress = (rows: number, total: number) => {
    if (performance.now() - startedAt > QUIET_MS) progress.update(rows, total);
  };
  try {
    return await runAudit({ urls, onProgress, signal });
  } finally {
    progress.stop();
  }
}

function parseDatabase(text: string, before: readonly string[] = []): string[] {
  return [...before, parseDatabaseUrl(text)];
}
