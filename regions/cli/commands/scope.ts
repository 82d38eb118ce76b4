import type { Command } from 'commander';

import type { MeridianClient } from '../../../router/client/client.ts';
import { findAccount } from './account-name.ts';
import { CommandFailure, ExitCode } from '../../terminal/failure.ts';

/** A book or an account: the scope of a search or a stream. */
export interface ScopeOptions {
  readonly book?: string;
  readonly account?: string;
}

export function withScopeOptions(command: Command): Command {
  return command
    .option('--book <name>', 'all of this book, such as eu-west-1')
    .option(
      '--account <account>',
      'what concerns this account: its id, external id or EXTERNAL_ID@REGION',
    );
}

/** Throws CommandFailure (usage) unless it is exactly one of both. */
export async function scopeOf({ book, account }: ScopeOptions, client: MeridianClient) {
  if (book !== undefined && account === undefined) return { $case: 'book', value: book } as const;
  if (account === undefined || book !== undefined) {
    throw new CommandFailure(ExitCode.usage, 'give either --book or --account');
  }
  return { $case: 'accountId', value: (await findAccount(client, account)).id } as const;
}
