import pMap from 'p-map';
import { type Account, GetAccountRequest } from '../../../proto/gen/meridian/v1/account.ts';
import type { MeridianClient } from '../../../router/client/client.ts';
import { CallError } from '../../../router/client/call-error.ts';
import { CommandFailure, ExitCode } from '../../terminal/failure.ts';

/** Look-ups at once; a group may name 2,000 accounts. */
const LOOKUPS_AT_ONCE = 32;

type Lookups = Pick<MeridianClient, 'findAccounts' | 'getAccount'>;

/**
 * The account that a user means: `id:NUMBER` by its id, `name:TEXT` by exactly that external id.
 * Other text may be an id, an external id, or EXTERNAL_ID@REGION. It is looked up as each of them
 * that it could be, because a wrong guess pays the wrong account.
 * Throws CommandFailure when it names no account or several, or when a book that may have one does
 * not answer.
 */
export async function findAccount(client: Lookups, name: string): Promise<Account> {
  if (name.startsWith('id:')) return accountOf(client, parseAccountId(name.slice(3)));
  const exact = name.startsWith('name:');
  const externalId = exact ? name.slice(5) : name;
  const accounts = await accountsNamed(client, externalId);
  const others = exact ? [] : [await withId(client, name), ...(await inRegion(client, name))];
  const found = new Map<bigint, Account>();
  for (const account of [...accounts, ...others]) if (account) found.set(account.id, account);
  const [first, ...more] = found.values();
  if (first && more.length === 0) return first;
  if (first) {
    const list = [...found.values()]
      .map((account) => `id:${account.id} ("${account.externalId}" in ${account.homeRegion})`)
      .join(', ');
    throw new CommandFailure(ExitCode.usage, `"${name}" may be any of ${list}; give one id:NUMBER`);
  }
  throw new CommandFailure(ExitCode.refused, `there is no account "${name}"`);
}

/** Returns the account whose id is the text; undefined if the text is not an id. */
async function withId(client: Lookups, text: string): Promise<Account | undefined> {
  const id = idOfText(text);
  return id === undefined
    ? undefined
    : absentAs(undefined, async () => {
        const { account } = await client.getAccount({ id, asOf: undefined, options: undefined });
        return account;
      });
}

/** The accounts that EXTERNAL_ID@REGION names. A text with "@" need not name a region. */
async function inRegion(client: Lookups, text: string): Promise<readonly Account[]> {
  const [, externalId, homeRegion] = /^(.+)@([a-z][a-z0-9-]{0,39})$/su.exec(text) ?? [];
  if (externalId === undefined || homeRegion === undefined) return [];
  return absentAs([], () => accountsNamed(client, externalId, homeRegion));
}

/** What a look-up finds, or `absent` when the ledger knows no such id or region. */
async function absentAs<T>(absent: T, lookUp: () => Promise<T>): Promise<T> {
  try {
    return await lookUp();
  } catch (error) {
    const unknown = ['NOT_FOUND', 'INVALID_ARGUMENT'];
    if (error instanceof CallError && unknown.includes(error.code)) return absent;
    throw error;
  }
}

/** The accounts with an external id, in one region or in all of them. */
async function accountsNamed(
  client: Lookups,
  externalId: string,
  homeRegion = '',
): Promise<Account[]> {
  const { accounts, silentBooks } = await client.findAccounts({ externalId, homeRegion });
  if (silentBooks.length === 0) return accounts;
  const books = silentBooks.join(', ');
  throw new CommandFailure(
    ExitCode.environment,
    `${books} did not answer and may have another account "${externalId}"; give id:NUMBER`,
  );
}

/** The account with an id. Throws CommandFailure or CallError when there is none. */
export async function accountOf(
  client: Pick<MeridianClient, 'getAccount'>,
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
    const find = async (name: string) => accounts.set(name, await findAccount(client, name));
    await pMap(new Set(names), find, { concurrency: LOOKUPS_AT_ONCE });
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

/** The id of an account for people, or the text for none. */
export function idText(id: bigint, none = ''): string {
  return id === 0n ? none : String(id);
}

/** Throws CommandFailure (usage) unless the text is a 64-bit id. */
export function parseAccountId(text: string): bigint {
  const id = idOfText(text);
  if (id !== undefined) return id;
  throw new CommandFailure(ExitCode.usage, `"${text}" is not an account id`);
}

function idOfText(text: string): bigint | undefined {
  const id = /^\d{1,19}$/u.test(text) ? BigInt(text) : 0n;
  return id > 0n && BigInt.asIntN(64, id) === id ? id : undefined;
}
