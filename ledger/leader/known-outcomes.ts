import type { ChangeAccountRequest } from '../../proto/gen/meridian/v1/account.ts';
import { Reason } from '../../proto/gen/meridian/v1/reason.ts';
import {
  type CreateTransferRequest,
  TransferStatus,
} from '../../proto/gen/meridian/v1/transfer.ts';
import { must } from '../core/assert.ts';
import { idText, type PlainColumns } from '../core/plain/plain-columns.ts';
import type { KnownIds, PlainBatch } from '../core/plain/plain-batch.ts';
import { CALL_ROWS_MAX } from '../core/limits.ts';
import { isPlain } from '../core/validate/options.ts';
import { type ChangeFields, differingChangeField } from '../core/validate/same-request.ts';
import { timestampFrom } from '../core/timestamp.ts';
import { canonicalKey, earlierIdOf, legId } from '../core/transfer-id.ts';
import type { KeyCache } from '../keys/key-cache.ts';
import { fingerprintOf, type KnownKey } from '../keys/known-key.ts';
import { RecentKeys } from '../keys/recent-keys.ts';
import { RecentPlainKeys } from '../keys/recent-plain-keys.ts';
import type { KeyReads } from '../store/book-store.ts';
import { ledgerTuning } from '../ledger-tuning.ts';
import {
  type ChangeAnswer,
  type TransferAnswer,
  recordedAnswer,
  recordedChangeAnswer,
  reusedChangeKey,
  reusedKey,
} from './answers.ts';
import type { LegsWanted } from '../store/asked-pages.ts';
import type { Absence } from './partitions/journal-ids.ts';
import type { StoredTransfer } from '../store/stored-records.ts';

/** A request for a transfer, and the id that its key stands for. */
export interface KeyedTransfer {
  readonly id: string;
  readonly request: CreateTransferRequest;
}

/** What is asked of Redis, and written to it. */
type KeyHints = Pick<KeyCache, 'known' | 'knownPlaces' | 'add' | 'addWords'>;

/** What was decided about a transfer. */
export interface Decided extends Pick<KnownKey, 'reason' | 'epoch' | 'seq' | 'atMicros'> {
  /** True: it goes to another book, whose answer is not known yet. */
  readonly away: boolean;
}

/** Ids that Redis has, of those it was asked for; undefined if it cannot be asked. */
export type Hints = ReadonlySet<string> | undefined;

/** What is known of the ids of a journal without a look into it. */
export interface FilteredIds {
  /** False: it has no row of the id, so that it need not be asked. */
  mayHave(id: string): boolean;
  /** Which of the plain ids it has no row of; undefined: it is not known yet. */
  absenceOf(columns: PlainColumns): Absence | undefined;
}

/** What is known of the keys of plain transfers when they arrive. */
export interface PlainHints {
  readonly hints: Promise<Hints>;
  /** Undefined: the filters of the journal were not asked, or are not complete yet. */
  readonly absence: Absence | undefined;
}

const NO_IDS: ReadonlySet<string> = new Set();
const NO_HINTS: Promise<Hints> = Promise.resolve(NO_IDS);
const NO_LEGS: LegsWanted = { legsMax: 0, wants: () => false };

/**
 * Finds the keys that have an outcome already: in this leader's own memory or in the journal,
 * which is the record. Redis only shows which keys are worth a look into the journal: no answer
 * is made of what it holds, because anyone who reaches it could write there.
 */
export class KnownOutcomes {
  readonly #reads: KeyReads;
  readonly #book: number;
  readonly #keys: KeyHints | undefined;
  readonly #recent: RecentKeys;
  readonly #plain: RecentPlainKeys;
  /** Undefined: the journal may have every id. */
  readonly #journalIds: FilteredIds | undefined;

  constructor(
    reads: KeyReads,
    book: number,
    keys: KeyHints | undefined,
    { recentKeys } = ledgerTuning,
    journalIds?: FilteredIds,
  ) {
    this.#journalIds = journalIds;
    this.#recent = new RecentKeys(recentKeys);
    this.#plain = new RecentPlainKeys(book, recentKeys);
    this.#reads = reads;
    this.#book = book;
    this.#keys = keys;
  }

  /**
   * Asks Redis about the keys of what has just arrived, so that the answer is there when its
   * turn comes. Resolves with the ids that Redis has; undefined if Redis does not answer. It is not
   * asked for keys that the journal is known not to have, nor for those that were made so lately
   * that this leader would remember their outcome.
   */
  async hints(ids: readonly string[]): Promise<Hints> {
    const now = Date.now();
    // The filters of the journal are a proof that it has no row of nearly all of them.
    const doubtful = ids.filter(
      (id) => this.#journalIds?.mayHave(id) !== false && !this.#wouldHave(id, now),
    );
    return doubtful.length === 0 ? NO_IDS : this.#keys?.known(doubtful);
  }

  /**
   * The outcome of each, undefined where no key is known. That is not yet a proof: Redis may
   * have forgotten a key, which the journal's unique index then finds.
   *
   * @param hints what Redis answered to `hints`, for all of them; undefined if it did not
   */
  async find(
    transfers: readonly KeyedTransfer[],
    hints: Hints,
  ): Promise<(TransferAnswer | undefined)[]> {
    const found = await this.#recordedEarlier(transfers);
    const doubtful: number[] = [];
    for (let index = 0; index < transfers.length; index += 1) {
      const { id, request } = must(transfers[index], 'every place has its transfer');
      if (found[index] !== undefined) continue;
      const recent = this.#plain.get(id) ?? this.#recent.get(id);
      if (recent !== undefined && this.#answers(recent, request)) {
        found[index] = this.#answerFrom(id, recent);
      } else if (
        recent !== undefined ||
        hints === undefined ||
        hints.has(id) ||
        this.#plain.hasText(id)
      ) {
        // Without Redis the journal is asked first: a retry then costs a look-up, not a batch.
        doubtful.push(index);
      }
    }
    if (doubtful.length > 0) await this.#askJournal(transfers, doubtful, found);
    return found;
  }

  /** Asks the journal alone, after its unique index has refused a batch. */
  async recorded(transfers: readonly KeyedTransfer[]): Promise<(TransferAnswer | undefined)[]> {
    const found = await this.#recordedEarlier(transfers);
    const wanted = [...transfers.keys()].filter((index) => found[index] === undefined);
    await this.#askJournal(transfers, wanted, found);
    const unknown = transfers.filter((_, index) => found[index] === undefined);
    if (unknown.length === 0) return found;
    // The key may be that of a change of an account: both share the keys of a book.
    const ids = unknown.map(({ id }) => id);
    const changes = await this.#reads.readChanges(ids);
    for (const [index, { id }] of transfers.entries()) {
      const change = changes.get(id);
      if (change === undefined) continue;
      found[index] = { response: reusedKey(id, 'kind', change), channel: null };
    }
    await this.#findLegs(transfers, found);
    return found;
  }

  /**
   * A group of which a repair has booked a leg alone: the rest of it is lost, and to post it
   * would move the money of that leg again.
   */
  async #findLegs(
    transfers: readonly KeyedTransfer[],
    found: (TransferAnswer | undefined)[],
  ): Promise<void> {
    const legs = transfers.map(({ id, request: { action } }, index) =>
      found[index] !== undefined || action?.$case !== 'group'
        ? []
        : action.value.legs.map((_, place) => legId(id, place)),
    );
    if (legs.every(({ length }) => length === 0)) return;
    const known = await this.#reads.readExistingIds(legs.flat());
    for (const [index, { id }] of transfers.entries()) {
      if (legs[index]?.some((leg) => known.has(leg)) !== true) continue;
      const unknown = { position: undefined, decidedAt: undefined };
      found[index] = { response: reusedKey(id, 'group.legs', unknown), channel: null };
    }
  }

  /**
   * Outcomes that an earlier release recorded under another id of the key, which rarely has one:
   * nothing is asked for keys that cannot. Its rows were there before this leader began, so that
   * the journal's answer is a proof.
   */
  async #recordedEarlier(
    transfers: readonly KeyedTransfer[],
  ): Promise<(TransferAnswer | undefined)[]> {
    const found = Array.from<TransferAnswer | undefined>({ length: transfers.length });
    const places: number[] = [];
    const earlier: KeyedTransfer[] = [];
    for (let index = 0; index < transfers.length; index += 1) {
      const { id: own, request } = must(transfers[index], 'every place has its transfer');
      // A key that is its own id has had no other one.
      if (own === request.idempotencyKey) continue;
      const id = earlierIdOf(request.namespace, request.idempotencyKey);
      if (id === undefined) continue;
      places.push(index);
      // A key in its canonical form has no earlier id: the look-up ends with this one.
      const idempotencyKey = canonicalKey(request.idempotencyKey);
      earlier.push({ id, request: { ...request, idempotencyKey } });
    }
    if (earlier.length === 0) return found;
    const recorded = await this.recorded(earlier);
    for (const [place, index] of places.entries()) found[index] = recorded[place];
    return found;
  }

  /** The outcome of the key of a change of an account; undefined if it is free. */
  async change(id: string, request: ChangeAccountRequest): Promise<ChangeAnswer | undefined> {
    const earlier = earlierIdOf(request.namespace, request.idempotencyKey);
    const known = earlier === undefined ? undefined : await this.#change(earlier, request);
    return known ?? this.#change(id, request);
  }

  async #change(id: string, request: ChangeFields): Promise<ChangeAnswer | undefined> {
    const change = (await this.#reads.readChanges([id])).get(id);
    if (change !== undefined) {
      return recordedChangeAnswer(id, change, differingChangeField(change.request, request));
    }
    const stored = await this.#reads.readTransfers([id], NO_LEGS);
    const transfer = stored.get(id)?.transfer;
    return transfer === undefined ? undefined : reusedChangeKey(id, 'kind', transfer);
  }

  /** Remembers an outcome that has been committed, in memory. */
  remember(id: string, known: KnownKey): void {
    this.#recent.set(id, known);
    this.#plain.mark(id);
  }

  /** The same of a transfer that has been posted or refused here, as it was asked. */
  rememberDecided(id: string, request: CreateTransferRequest, decided: Decided): void {
    const { reason, epoch, seq, atMicros, away } = decided;
    const partial = away || !isPlain(request);
    // A key with more to its outcome is asked the journal for: that there is one is enough here.
    if (partial && this.#plain.mark(id)) return;
    if (!partial && reason === Reason.UNSPECIFIED && this.#plain.addPosted(id, request, decided)) {
      return;
    }
    this.remember(id, {
      fingerprint: fingerprintOf(request),
      reason,
      epoch,
      seq,
      atMicros,
      partial,
    });
  }

  /** Remembers what the plain lane has committed. */
  rememberPlain(batch: PlainBatch): void {
    this.#plain.add(batch);
  }

  /** The ids in memory that a plain transfer could have. */
  get plainIds(): KnownIds {
    return this.#plain;
  }

  /** True: what either lane has decided of such a key would be in memory. */
  #wouldHave(id: string, now: number): boolean {
    return this.#recent.wouldHave(id, now) && this.#plain.wouldHave(id, now);
  }

  /** Those of the ids that a row of the journal has. */
  async existing(ids: readonly string[]): Promise<ReadonlySet<string>> {
    const possible = ids.filter((id) => this.#journalIds?.mayHave(id) !== false);
    return possible.length === 0 ? NO_IDS : this.#reads.readExistingIds(possible);
  }

  /**
   * As `hints`, of plain transfers. The journal is not read here: the work may fail before anything
   * waits for its hints, which therefore must not be rejected.
   */
  plainHints(columns: PlainColumns): PlainHints {
    if (this.#plain.wouldHaveAll(columns, Date.now())) {
      return { hints: NO_HINTS, absence: undefined };
    }
    // The filters of the journal are a proof that it has no row of nearly all of them.
    const absence = this.#journalIds?.absenceOf(columns);
    if (absence?.doubtful.length === 0) return { hints: NO_HINTS, absence };
    return { hints: this.#plainHints(columns, absence), absence };
  }

  async #plainHints(columns: PlainColumns, absence?: Absence): Promise<Hints> {
    if (absence !== undefined) {
      return this.#keys?.known(absence.doubtful.map((place) => idText(columns.ids, place)));
    }
    const places = await this.#keys?.knownPlaces(columns.ids.subarray(0, columns.count * 4));
    return places && new Set(places.map((place) => idText(columns.ids, place)));
  }

  /** Adds the ids of plain transfers to Redis, likewise. @param ids four words for each */
  addPlainToRedis(ids: Int32Array): void {
    this.#keys?.addWords(ids);
  }

  /** Adds what has been committed to Redis, which may wait until every caller has the answer. */
  addToRedis(ids: readonly string[]): void {
    this.#keys?.add(ids);
  }

  async #askJournal(
    transfers: readonly KeyedTransfer[],
    wanted: readonly number[],
    found: (TransferAnswer | undefined)[],
  ): Promise<void> {
    const sizes = new Map<string, number>();
    for (const index of wanted) {
      const { id, request } = must(transfers[index], 'every place has its transfer');
      if (this.#journalIds?.mayHave(id) === false) continue;
      const { action } = request;
      sizes.set(id, action?.$case === 'group' ? action.value.legs.length : 0);
    }
    if (sizes.size === 0) return;
    const stored = await this.#reads.readTransfers([...sizes.keys()], {
      legsMax: CALL_ROWS_MAX,
      // A group of another size is another group: its legs need not be read.
      wants: (id, legs) => sizes.get(id) === legs,
    });
    const again: string[] = [];
    for (const index of wanted) {
      const item = transfers[index];
      const match = item === undefined ? undefined : stored.get(item.id);
      if (item === undefined || match === undefined) continue;
      found[index] = recordedAnswer(item.request, match);
      this.remember(item.id, knownFrom(match));
      again.push(item.id);
    }
    this.addToRedis(again);
  }

  /** True if what is remembered is enough to answer the request. */
  #answers(known: KnownKey, request: CreateTransferRequest): boolean {
    return !known.partial && known.fingerprint === fingerprintOf(request);
  }

  #answerFrom(id: string, known: KnownKey): TransferAnswer {
    const { reason, epoch, seq, atMicros } = known;
    const rejected = reason !== Reason.UNSPECIFIED;
    return {
      response: {
        transferId: id,
        status: rejected ? TransferStatus.REJECTED : TransferStatus.POSTED,
        reason,
        differingField: '',
        replayed: true,
        position: { book: this.#book, epoch: BigInt(epoch), seq: BigInt(seq) },
        decidedAt: timestampFrom(atMicros),
        actualAmount: 0n,
        expiresAt: undefined,
        group: undefined,
        dryRun: false,
      },
      channel: null,
    };
  }
}

function knownFrom({ transfer, request, channel }: StoredTransfer): KnownKey {
  const { seconds = 0n, nanos = 0 } = transfer.decidedAt ?? {};
  return {
    fingerprint: fingerprintOf(request),
    reason: transfer.reason,
    epoch: Number(transfer.position?.epoch ?? 0n),
    seq: Number(transfer.position?.seq ?? 0n),
    atMicros: Number(seconds) * 1_000_000 + nanos / 1000,
    partial: channel !== null || !isPlain(request),
  };
}
