import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command } from 'commander';
import type { Policy } from '../../../ledger/rpc/access/policy.ts';
import { ConfigError, problemText } from '../../config/problem.ts';
import { policyOf } from '../../links/pki-files.ts';
import { parsePolicy } from '../../policy/parse-policy.ts';
import { CommandFailure, ExitCode } from '../../terminal/failure.ts';
import { print, printJson } from '../../terminal/print.ts';
import { table } from '../../terminal/table.ts';
import { type CommandContext, dataOption, newCommand } from '../connection.ts';

interface PolicyOptions {
  readonly data: string;
  readonly json?: boolean;
}

/** `meridian policy` */
export function policyCommand(context: CommandContext): Command {
  return new Command('policy')
    .description('who may do what at the routers of an installation')
    .addHelpText('after', '\nExample:\n  $ meridian policy check')
    .addCommand(checkCommand(context));
}

function checkCommand({ exit }: CommandContext): Command {
  return newCommand('check', 'list everything that is wrong with a policy, or what it grants', [
    'policy check',
    'policy check ./policy.yaml --json',
  ])
    .argument('[file]', 'the file; otherwise policy.yaml in the data folder')
    .addOption(dataOption())
    .addHelpText(
      'after',
      '\nExit codes: 0 nothing is wrong, 1 something is, 2 wrong usage, 3 the file cannot be read.',
    )
    .action(async (named: string | undefined, { data, json }: PolicyOptions) => {
      const file = named === undefined ? policyOf(resolve(data)) : resolve(named);
      const text = read(file);
      try {
        const policy = parsePolicy(text, file);
        const { hash, grants } = policy;
        if (json) await printJson({ file, ok: true, problems: [], hash, grants });
        else await printGrants(file, policy);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        exit(ExitCode.refused);
        const { problems } = error;
        if (json) await printJson({ file, ok: false, problems, hash: null, grants: [] });
        else await print(problems.map((problem) => problemText(problem, file)).join('\n'));
      }
    });
}

async function printGrants(file: string, { hash, grants }: Policy): Promise<void> {
  await print(`${file}: nothing is wrong (SHA-256 ${hash})`);
  const rows = grants.map(({ identity, roles }) => [identity, roles.join(', ')]);
  await print(table([{ title: 'identity' }, { title: 'roles' }], rows));
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CommandFailure(ExitCode.environment, `cannot read ${file}: ${why}`);
  }
}
