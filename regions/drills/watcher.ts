import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { BookServiceClient, type Topology } from '../../proto/gen/meridian/internal/v1/book.ts';
import type { RegionName } from '../topology/layout.ts';
import type { MemberState } from '../topology/state.ts';
import type { EpochStart } from './evidence/judge-transfers.ts';
import type { RunClock } from './load/run-clock.ts';
import { channelTo } from '../links/known-links.ts';

/** The state of one member of a book as seen from outside, and its time. */
export interface MemberView {
  readonly member: MemberState;
  /** Reported by its Patroni; undefined while it does not answer. */
  readonly patroni: PatroniView | undefined;
  /** Reported by its ledger server; undefined while it cannot be reached. */
  readonly ledger: { readonly leading: boolean; readonly epoch: number } | undefined;
}

export interface PatroniView {
  readonly primary: boolean;
  /** Such as running, stopped, starting. */
  readonly state: string;
  /** True: Patroni reports that the book has no leader. */
  readonly unlocked: boolean;
  readonly version: string;
  /** Such as 150018. */
  readonly serverVersion: number;
  /** Of a primary: its replicas that stream, and those of them that are synchronous. */
  readonly streaming: number;
  readonly synchronous: number;
}

/** A change that was seen from outside. */
export interface Sighting {
  readonly atMs: number;
  /**
   * `unlocked`: Patroni reports no leader. `primary`: a member's Postgres accepts writes.
   * `leads`: a ledger server leads in a new epoch.
   */
  readonly kind: 'unlocked' | 'primary' | 'leads';
  readonly book: string;
  readonly region: RegionName;
  /** Of `leads`. */
  readonly epoch: number;
}

/** For each member: each answer costs its Patroni a statement. */
const POLL_LEAST_MS = 250;
const POLL_MEMBER_MS = 28;
const ASK_MS = 2_000;
const REOPEN_MS = 200;

const patroniAnswer = z.object({
  role: z.string(),
  state: z.string(),
  cluster_unlocked: z.boolean().optional(),
  server_version: z.number().optional(),
  patroni: z.object({ version: z.string() }).optional(),
  replication: z
    .array(z.object({ state: z.string().nullish(), sync_state: z.string().nullish() }))
    .optional(),
});

/**
 * Watches who leads which book from outside, as an operator would: the topology streams of all
 * ledger servers, and the status of Patroni: four times a second of nine members, less often of
 * more.
 */
export class Watcher {
  readonly sightings: Sighting[] = [];
  /** When each epoch was first known to lead. */
  readonly epochs: (EpochStart & { readonly region: RegionName })[] = [];
  readonly #clock: RunClock;
  readonly #onSighting: (sighting: Sighting) => void;
  readonly #watched: Watched[];
  readonly #pollMs: number;
  readonly #stop = new AbortController();
  #loops: Promise<void>[] = [];

  constructor(
    members: readonly MemberState[],
    clock: RunClock,
    onSighting: (sighting: Sighting) => void,
  ) {
    this.#clock = clock;
    this.#onSighting = onSighting;
    this.#pollMs = Math.max(POLL_LEAST_MS, members.length * POLL_MEMBER_MS);
    this.#watched = members.map((member) => ({
      member,
      client: new BookServiceClient(
        member.ledgerAddress,
        channelTo(member.ledgerAddress, 'ledger'),
        {
          'grpc.keepalive_time_ms': 2_000,
          'grpc.keepalive_timeout_ms': 2_000,
          'grpc.initial_reconnect_backoff_ms': 100,
          'grpc.max_reconnect_backoff_ms': 500,
          'grpc.service_config_disable_resolution': 1,
        },
      ),
      patroni: undefined,
      ledger: undefined,
    }));
  }

  start(): void {
    this.#loops = this.#watched.flatMap((one) => [this.#watchLedger(one), this.#pollPatroni(one)]);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    for (const { client } of this.#watched) client.close();
    await Promise.all(this.#loops);
  }

  members(): readonly MemberView[] {
    return this.#watched;
  }

  /** The member that leads a book in the highest epoch; undefined while none is known to. */
  leader(book: string): { readonly member: MemberState; readonly epoch: number } | undefined {
    let found: { member: MemberState; epoch: number } | undefined;
    for (const { member, ledger } of this.#watched) {
      if (member.bookName !== book || ledger?.leading !== true) continue;
      if (found === undefined || ledger.epoch > found.epoch) {
        found = { member, epoch: ledger.epoch };
      }
    }
    return found;
  }

  async #watchLedger(one: Watched): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await new Promise<void>((resolve) => {
        const stream = one.client.watchTopology({});
        const abort = () => stream.cancel();
        const lose = () => {
          this.#stop.signal.removeEventListener('abort', abort);
          one.ledger = undefined;
          stream.cancel();
          resolve();
        };
        this.#stop.signal.addEventListener('abort', abort, { once: true });
        stream.on('data', (status: Topology) => this.#receive(one, status));
        stream.on('error', lose);
        stream.on('end', lose);
      });
      await this.#pause(REOPEN_MS);
    }
  }

  #receive(one: Watched, status: Topology): void {
    const { member } = one;
    const epoch = Number(status.epoch);
    one.ledger = { leading: status.leading, epoch };
    if (!status.leading) return;
    const known = this.epochs.some((seen) => seen.book === member.book && seen.epoch >= epoch);
    if (known) return;
    const atMs = this.#clock.now();
    this.epochs.push({ book: member.book, epoch, atMs, region: member.region });
    this.#see({ atMs, kind: 'leads', book: member.bookName, region: member.region, epoch });
  }

  async #pollPatroni(one: Watched): Promise<void> {
    // The last answer: after a moment of silence, the same answer is not reported again.
    let before: PatroniView | undefined;
    while (!this.#stop.signal.aborted) {
      one.patroni = await this.#askPatroni(one.member);
      const seen = { book: one.member.bookName, region: one.member.region, epoch: 0 };
      if (one.patroni?.unlocked === true && before?.unlocked !== true) {
        this.#see({ ...seen, atMs: this.#clock.now(), kind: 'unlocked' });
      }
      if (one.patroni?.primary === true && before?.primary !== true) {
        this.#see({ ...seen, atMs: this.#clock.now(), kind: 'primary' });
      }
      before = one.patroni ?? before;
      await this.#pause(this.#pollMs);
    }
  }

  async #askPatroni({ patroniUrl }: MemberState): Promise<PatroniView | undefined> {
    try {
      const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(ASK_MS)]);
      const reply = await fetch(`${patroniUrl}/patroni`, { signal });
      const answer = patroniAnswer.parse(await reply.json());
      const replicas = (answer.replication ?? []).filter(({ state }) => state === 'streaming');
      return {
        primary: answer.role === 'master' || answer.role === 'primary',
        state: answer.state,
        unlocked: answer.cluster_unlocked === true,
        version: answer.patroni?.version ?? '',
        serverVersion: answer.server_version ?? 0,
        streaming: replicas.length,
        synchronous: replicas.filter((r) => r.sync_state === 'sync' || r.sync_state === 'quorum')
          .length,
      };
    } catch {
      return undefined;
    }
  }

  #see(sighting: Sighting): void {
    if (this.#stop.signal.aborted) return;
    this.sightings.push(sighting);
    this.#onSighting(sighting);
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stop.signal }).catch(() => {});
  }
}

interface Watched extends MemberView {
  readonly client: BookServiceClient;
  patroni: PatroniView | undefined;
  ledger: { readonly leading: boolean; readonly epoch: number } | undefined;
}
