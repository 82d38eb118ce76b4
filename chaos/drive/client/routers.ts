import { type Interceptor } from '@grpc/grpc-js';
import { must } from '../../../ledger/core/assert.ts';
import { LedgerServiceClient } from '../../../proto/gen/meridian/v1/ledger.ts';
import type { RouterStub } from '../../../router/client/event-subscription.ts';
import type { RegionName } from '../../../regions/topology/layout.ts';
import { channelTo } from '../../../regions/links/known-links.ts';

/** Address of a region's router. */
export interface RouterAddress {
  readonly region: RegionName;
  /** HOST:PORT */
  readonly address: string;
}

/** Reconnects soon to a router that was killed, and soon gives up a silent one. */
const CHANNEL_OPTIONS = {
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.max_receive_message_length': 32 * 1024 * 1024,
  // Retries must be in the history.
  'grpc.enable_retries': 0,
};

/** The routers of an installation, with one channel to each for all clients of a run. */
export class Routers {
  readonly #stubs: ReadonlyMap<RegionName, RouterStub>;

  /** @param interceptors of the calls through a region's router */
  constructor(
    addresses: readonly RouterAddress[],
    interceptors: ReadonlyMap<RegionName, readonly Interceptor[]> = new Map(),
  ) {
    this.#stubs = new Map(
      addresses.map(({ region, address }) => {
        const own = [...(interceptors.get(region) ?? [])];
        const options = { ...CHANNEL_OPTIONS, interceptors: own };
        const stub = new LedgerServiceClient(address, channelTo(address, 'router'), options);
        return [region, { address, stub }];
      }),
    );
  }

  of(region: RegionName): RouterStub {
    return must(this.#stubs.get(region), `there is a router in ${region}`);
  }

  close(): void {
    for (const { stub } of this.#stubs.values()) stub.close();
  }
}
