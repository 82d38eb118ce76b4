import { type Account, GetAccountRequest } from '../../proto/gen/meridian/v1/account.ts';
import type { MeridianClient } from '../client.ts';
import { inParallel } from '../in-parallel.ts';
import { CommandFailure, ExitCode } from './failure.ts';

/** Look-ups at once; a group may name 2,000 accounts. */
const LOOKUPS_AT_ONCE = 32;

/**
 * The account that a user means: by its id, which is digits only, or by its external id.
 * Throws CommandFailure when there is none, or more than one with that external id, or a book that
 * may have one does not answer.
 */
export async function findAccount(client: MeridianClient, name: string): Promise<Account> {
  if (/^\d+$/u.test(name)) return accountOf(client, parseAccountId(name));
  const { accounts, silentBooks } = await client.findAccounts({ externalId: name, homeRegion: '' });
  if (silentBooks.length > 0) {
    throw new CommandFailure(
      ExitCode.environment,
      `${silentBooks.join(', ')} did not answer and may have another account "${name}"; give the id`,
    );
  }
  const [first, ...others] = accounts;
  if (first && others.length === 0) return first;
  if (first) {
    const list = accounts.map(({ id, homeRegion }) => `${id} in ${homeRegion}`).join(', ');
    throw new CommandFailure(
      ExitCode.usage,
      `several accounts are "${name}": ${list}; give the id`,
    );
  }
  throw new CommandFailure(ExitCode.refused, `there is no account "${name}"`);
}

/** The account with an id. Throws CommandFailure or CallFault when there is none. */
export async function accountOf(
  client: MeridianClient,
  id: bigint,
  asOf?: GetAccountRequest['asOf'],
): Promise<Account> {
  const { account } = await client.getAccount({ id, asOf, options: undefined });
  if (account) return account;
  throw new CommandFailure(ExitCode.refused, `there is no account ${id}`);
}

/** The accounts that a user names, each looked up once. */
export class NamedAccounts {
  readonly #accounts: ReadonlyMap<string, Account>;

  private constructor(accounts: ReadonlyMap<string, Account>) {
    this.#accounts = accounts;
  }

  /** Throws CommandFailure as findAccount does. */
  static async find(client: MeridianClient, names: readonly string[]): Promise<NamedAccounts> {
    const accounts = new Map<string, Account>();
    const work = [...new Set(names)].map((name) => async () => {
      accounts.set(name, await findAccount(client, name));
    });
    await inParallel(work, LOOKUPS_AT_ONCE);
    return new NamedAccounts(accounts);
  }

  /** `name` must be one of those that were looked up. */
  get(name: string): Account {
    const account = this.#accounts.get(name);
    if (account) return account;
    throw new Error(`account "${name}" was not looked up`);
  }

  readonly idOf = (name: string): bigint => this.get(name).id;
}

/** The id of an account for people, or what stands for none. */
export function idText(id: bigint, none = ''): string {
  return id === 0n ? none : String(id);
}

/** Throws CommandFailure (usage) unless the text is a 64-bit id. */
export function parseAccountId(text: string): bigint {
  const id = /^\d{1,19}$/u.test(text) ? BigInt(text) : 0n;
  if (id > 0n && BigInt.asIntN(64, id) === id) return id;
  throw new CommandFailure(ExitCode.usage, `"${text}" is not an account id`);
}
