import type { Account } from '../../proto/gen/meridian/v1/ledger.ts';
import type { MeridianClient } from '../client.ts';
import { CommandFailure, ExitCode } from './failure.ts';

/**
 * The account that a user means: by its id, which is digits only, or by its external id.
 * Throws CommandFailure when there is none, or more than one with that external id.
 */
export async function findAccount(client: MeridianClient, name: string): Promise<Account> {
  if (/^\d+$/u.test(name)) {
    const { account } = await client.getAccount(parseAccountId(name));
    if (account) return account;
  } else {
    const { accounts } = await client.findAccounts({ externalId: name, homeRegion: '' });
    const [first, ...others] = accounts;
    if (first && others.length === 0) return first;
    if (first) {
      const list = accounts.map(({ id, homeRegion }) => `${id} in ${homeRegion}`).join(', ');
      throw new CommandFailure(
        ExitCode.usage,
        `several accounts are "${name}": ${list}; give the id`,
      );
    }
  }
  throw new CommandFailure(ExitCode.refused, `there is no account "${name}"`);
}

/** Throws CommandFailure (usage) unless the text is a 64-bit id. */
export function parseAccountId(text: string): bigint {
  const id = /^\d{1,19}$/u.test(text) ? BigInt(text) : 0n;
  if (id > 0n && BigInt.asIntN(64, id) === id) return id;
  throw new CommandFailure(ExitCode.usage, `"${text}" is not an account id`);
}
