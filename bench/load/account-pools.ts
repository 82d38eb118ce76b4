import pMap from 'p-map';
import { must } from '../../ledger/core/assert.ts';
import { OpenAccountRequest } from '../../proto/gen/meridian/v1/account.ts';
import type { OpenJob, Route } from './job.ts';
import type { PayersAndPayees } from './encoded-requests.ts';
import { EncodedAccounts } from './redrawn-call.ts';
import type { RouterClient } from './router-client.ts';

/** Accounts in one call, the most that there may be. */
const ACCOUNTS_PER_CALL = 8_000;
const CALLS_IN_FLIGHT = 2;

/** The accounts that were opened for the benchmark, by region. */
export class AccountPools {
  readonly #pools = new Map<string, BigInt64Array>();
  readonly #encoded = new WeakMap<BigInt64Array, EncodedAccounts>();

  /** Ids of a region's accounts. Throws InvariantError if none were opened there. */
  of(region: string, mixed = false): BigInt64Array {
    return must(this.#pools.get(poolOf(region, mixed)), `accounts were opened in ${region}`);
  }

  /** The same ids as requests have them. */
  encoded(region: string): EncodedAccounts {
    const ids = this.of(region);
    const known = this.#encoded.get(ids);
    if (known !== undefined) return known;
    const encoded = new EncodedAccounts(ids);
    this.#encoded.set(ids, encoded);
    return encoded;
  }

  /** Who pays whom on a route. @param mixed true: by mixed requests, within one region */
  parties(route: Route, mixed = false): PayersAndPayees {
    const home = this.of(route.from, mixed);
    if (route.hot) {
      return { payers: home, payees: [{ accounts: home.subarray(0, 1), share: 1 }] };
    }
    const away = route.away.map((region) => ({
      accounts: this.of(region),
      share: route.awayShare / route.away.length,
    }));
    return { payers: home, payees: [{ accounts: home, share: 1 - route.awayShare }, ...away] };
  }

  /** @throws Error if an account was not opened */
  async open(client: RouterClient, job: OpenJob): Promise<void> {
    const ids = new BigInt64Array(job.count);
    const openFrom = async (first: number) => {
      const size = Math.min(ACCOUNTS_PER_CALL, job.count - first);
      const requests = Array.from({ length: size }, (_, index) => request(job, first + index));
      const answers = await client.openAccounts(requests);
      for (const [index, { account, differingField }] of answers.entries()) {
        if (account === undefined) throw new Error(`an account differs in ${differingField}`);
        ids[first + index] = account.id;
      }
    };
    const calls = Array.from(
      { length: Math.ceil(job.count / ACCOUNTS_PER_CALL) },
      (_, index) => index * ACCOUNTS_PER_CALL,
    );
    await pMap(calls, openFrom, { concurrency: CALLS_IN_FLIGHT });
    this.#pools.set(poolOf(job.region, job.mixed), ids);
  }
}

function request(job: OpenJob, index: number): OpenAccountRequest {
  return {
    ...OpenAccountRequest.fromPartial({}),
    externalId: `${job.externalIdPrefix}${index}`,
    homeRegion: job.region,
    asset: 'EUR',
    // No account may run dry: a rejected transfer costs less than a posted one.
    min: { $case: 'noMinBalance', value: true },
  };
}

function poolOf(region: string, mixed: boolean): string {
  return mixed ? `${region}/mixed` : region;
}
