import { bookOf } from '../../../ledger/core/account-id.ts';
import { must } from '../../../ledger/core/assert.ts';
import type { OpenAccountRequest } from '../../../proto/gen/meridian/v1/account.ts';
import type { RegionName } from '../../../regions/topology/topology.ts';
import type { Caller } from '../client/caller.ts';
import type { CallResult } from '../client/call-result.ts';
import type { HomedBook } from '../installation/installation.ts';
import type { OwnAccount } from './own-account.ts';
import type { Requests } from './requests.ts';
import type { WorkloadSetting } from './workload.ts';

/** Where an account is to be opened: in any book of a region, or in a certain one. */
export type Home = RegionName | Pick<HomedBook, 'number' | 'region'>;

/** Properties of an account to open. */
export interface AccountWish {
  readonly region: RegionName;
  /** Undefined: any book of the region. */
  readonly book: number | undefined;
  /** Undefined: it may be overdrawn without limit. */
  readonly minBalance: bigint | undefined;
  readonly maxBalance?: bigint;
  /** Its initial balance. */
  readonly money: bigint;
}

/** An account that cannot be overdrawn. */
export function purse(home: Home, money: bigint): AccountWish {
  return { ...placeOf(home), minBalance: 0n, money };
}

/** An account that may be overdrawn by any amount. */
export function mint(home: Home): AccountWish {
  return { ...placeOf(home), minBalance: undefined, money: 0n };
}

const placeOf = (home: Home): Pick<AccountWish, 'region' | 'book'> =>
  typeof home === 'string'
    ? { region: home, book: undefined }
    : { region: home.region, book: home.number };

/** Number of accounts that are opened at a time in one region. */
const AT_ONCE = 3;

/**
 * Opens accounts, in the order of the wishes, and funds them.
 *
 * Throws Error when a call is refused, or not answered.
 */
export async function openAccounts(
  setting: WorkloadSetting,
  requests: Requests,
  wishes: readonly AccountWish[],
): Promise<OwnAccount[]> {
  const opened = new Map<AccountWish, OwnAccount>();
  const inRegions = [...Map.groupBy(wishes, ({ region }) => region)];
  await Promise.all(
    inRegions.map(async ([region, own]) => {
      const opener = new Opener(setting, requests, region);
      const left = own.values();
      const open = async () => {
        const caller = setting.caller(region);
        for (const wish of left) opened.set(wish, await opener.open(caller, wish));
      };
      await Promise.all(Array.from({ length: AT_ONCE }, open));
    }),
  );
  return wishes.map((wish) => must(opened.get(wish), 'every account is opened'));
}

const ATTEMPTS = 5;

/**
 * How many names are tried for an account in a certain book of a region, whose names are spread
 * over its books. With five books, one wish in 17,000 would need more.
 */
const NAMES_MOST = 44;

/** Retries an idempotent call: a slow start is no reason to give up. */
async function insist<Reply>(ask: () => Promise<CallResult<Reply>>): Promise<CallResult<Reply>> {
  let result = await ask();
  for (let left = ATTEMPTS - 1; left > 0 && result.type !== 'ok'; left -= 1) result = await ask();
  return result;
}

/** Opens the accounts of one region. */
class Opener {
  readonly #setting: WorkloadSetting;
  readonly #requests: Requests;
  readonly #region: RegionName;
  #last = 0;
  /** The account that funds the others. */
  #source: Promise<OwnAccount> | undefined;

  constructor(setting: WorkloadSetting, requests: Requests, region: RegionName) {
    this.#setting = setting;
    this.#requests = requests;
    this.#region = region;
  }

  async open(caller: Caller, wish: AccountWish): Promise<OwnAccount> {
    const account = await this.#open(caller, wish);
    if (wish.money === 0n) return account;
    // Only one caller opens the source: a client makes one call at a time.
    this.#source ??= this.#open(this.#setting.caller(this.#region), mint(this.#region));
    const source = await this.#source;
    const request = this.#requests.pay(source, account, wish.money);
    const result = await insist(() => caller.transfer(request));
    if (result.type === 'ok' && result.reply.status === 'POSTED') return account;
    const why = result.type === 'ok' ? result.reply.reason : result.fault.message;
    throw new Error(`account ${account.id} could not be funded: ${why}`);
  }

  /** Opens accounts until one is in the book of the wish. The others stay unused. */
  async #open(caller: Caller, wish: AccountWish): Promise<OwnAccount> {
    for (let left = NAMES_MOST; left > 0; left -= 1) {
      const account = await this.#openNext(caller, wish);
      if ((wish.book ?? account.book) === account.book) return account;
    }
    throw new Error(`no account could be opened in book ${wish.book} of ${wish.region}`);
  }

  async #openNext(caller: Caller, { region, minBalance, maxBalance }: AccountWish) {
    this.#last += 1;
    const externalId = `${this.#setting.namespace}/${region}/${this.#last}`;
    const min: OpenAccountRequest['min'] =
      minBalance === undefined
        ? { $case: 'noMinBalance', value: true }
        : { $case: 'minBalance', value: minBalance };
    const limits =
      maxBalance === undefined
        ? { min }
        : { min, max: { $case: 'maxBalance', value: maxBalance } as const };
    const request = { externalId, homeRegion: region, asset: 'EUR', ...limits };
    const result = await insist(() => caller.open(request));
    if (result.type !== 'ok' || result.reply.accountId === '') {
      const why = result.type === 'ok' ? 'it was refused' : result.fault.message;
      throw new Error(`account ${externalId} could not be opened: ${why}`);
    }
    const id = BigInt(result.reply.accountId);
    return { id, book: bookOf(id), region };
  }
}
