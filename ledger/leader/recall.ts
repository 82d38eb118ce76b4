import { randomBytes } from 'node:crypto';
import {
  type CreateTransferRequest,
  type CreateTransferResponse,
  Reason,
  TransferStatus,
} from '../../proto/gen/meridian/v1/ledger.ts';
import { differingTransferField } from '../core/same-request.ts';
import { timestampFrom } from '../core/timestamp.ts';
import type { KeyCache } from '../keys/key-cache.ts';
import { decodeKnownKey, encodeKnownKey, fingerprintOf, type KnownKey } from '../keys/known-key.ts';
import { RecentKeys } from '../keys/recent-keys.ts';
import type { Sql } from '../store/connect.ts';
import { readTransfers, type StoredTransfer } from '../store/read-transfers.ts';

/** A transfer that is asked for, and its id. */
export interface Asked {
  readonly id: string;
  readonly request: CreateTransferRequest;
}

/** The outcome that a key has already. */
export interface Recalled {
  readonly response: CreateTransferResponse;
  /** Set while it is in transit. */
  readonly channel: StoredTransfer['channel'];
}

/**
 * Finds the keys that have an outcome already: in memory, then in Redis, then, where those
 * cannot be trusted alone, in the journal, which is the record.
 */
export class Recall {
  readonly #sql: Sql;
  readonly #book: number;
  readonly #keys: KeyCache | undefined;
  readonly #recent = new RecentKeys();
  /** Tells this leader's values in Redis from those of any other. */
  readonly #token = randomBytes(6).toString('base64url');

  constructor(sql: Sql, book: number, keys: KeyCache | undefined) {
    this.#sql = sql;
    this.#book = book;
    this.#keys = keys;
  }

  /**
   * The outcome of each, undefined where no key is known. That is not yet a proof: Redis may
   * have forgotten a key, which the journal's unique index then finds.
   */
  async known(asked: readonly Asked[]): Promise<(Recalled | undefined)[]> {
    const found: (Recalled | undefined)[] = asked.map(() => undefined);
    const notRecent: number[] = [];
    const doubtful: number[] = [];
    for (const [index, { id, request }] of asked.entries()) {
      const recent = this.#recent.get(id);
      if (recent === undefined) notRecent.push(index);
      else if (!this.#answers(recent, request)) doubtful.push(index);
      else found[index] = this.#recalled(id, recent);
    }
    if (notRecent.length > 0) await this.#askRedis(asked, notRecent, found, doubtful);
    if (doubtful.length > 0) await this.#askJournal(asked, doubtful, found);
    return found;
  }

  /** Asks the journal alone, after its unique index has refused a batch. */
  async recorded(asked: readonly Asked[]): Promise<(Recalled | undefined)[]> {
    const found: (Recalled | undefined)[] = asked.map(() => undefined);
    await this.#askJournal(asked, [...asked.keys()], found);
    return found;
  }

  /** Remembers what has been committed. */
  remember(decided: readonly (Asked & { readonly known: KnownKey })[]): void {
    const pairs: string[] = [];
    for (const { id, known } of decided) {
      this.#recent.set(id, known);
      pairs.push(id, encodeKnownKey(this.#token, known));
    }
    void this.#keys?.put(pairs);
  }

  async #askRedis(
    asked: readonly Asked[],
    wanted: readonly number[],
    found: (Recalled | undefined)[],
    doubtful: number[],
  ): Promise<void> {
    const values = await this.#keys?.get(wanted.map((index) => asked[index]?.id ?? ''));
    if (values === undefined) {
      // Without Redis the journal is asked first: a retry then costs a look-up, not a batch.
      doubtful.push(...wanted);
      return;
    }
    for (const [place, index] of wanted.entries()) {
      const value = values[place];
      const item = asked[index];
      if (value === undefined || item === undefined) continue;
      const known = decodeKnownKey(this.#token, value);
      if (known !== undefined && this.#answers(known, item.request)) {
        found[index] = this.#recalled(item.id, known);
      } else {
        doubtful.push(index);
      }
    }
  }

  async #askJournal(
    asked: readonly Asked[],
    wanted: readonly number[],
    found: (Recalled | undefined)[],
  ): Promise<void> {
    const ids = new Set(wanted.map((index) => asked[index]?.id ?? ''));
    const stored = await readTransfers(this.#sql, this.#book, [...ids]);
    const again: (Asked & { known: KnownKey })[] = [];
    for (const index of wanted) {
      const item = asked[index];
      const match = item === undefined ? undefined : stored.get(item.id);
      if (item === undefined || match === undefined) continue;
      found[index] = answerFrom(item.request, match);
      again.push({ ...item, known: knownFrom(match) });
    }
    if (again.length > 0) this.remember(again);
  }

  /** True if what is remembered is enough to answer the request. */
  #answers(known: KnownKey, request: CreateTransferRequest): boolean {
    return !known.away && known.fingerprint === fingerprintOf(request);
  }

  #recalled(id: string, known: KnownKey): Recalled {
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
      },
      channel: null,
    };
  }
}

/** The answer to a request whose key the journal has: its outcome, or what differs. */
export function answerFrom(request: CreateTransferRequest, stored: StoredTransfer): Recalled {
  const { transfer, channel } = stored;
  const { transferId, status, reason, position, decidedAt } = transfer;
  const differingField = differingTransferField(transfer, request);
  if (differingField !== '') {
    return { response: reused(transferId, differingField, position, decidedAt), channel: null };
  }
  const inTransit = status === TransferStatus.IN_TRANSIT;
  return {
    response: {
      transferId,
      status,
      reason,
      differingField,
      replayed: true,
      position,
      decidedAt,
    },
    channel: inTransit ? channel : null,
  };
}

/** The answer to a key that was used before for another transfer. */
export function reused(
  transferId: string,
  differingField: string,
  position: CreateTransferResponse['position'],
  decidedAt: CreateTransferResponse['decidedAt'],
): CreateTransferResponse {
  return {
    transferId,
    status: TransferStatus.REJECTED,
    reason: Reason.IDEMPOTENCY_KEY_REUSED,
    differingField,
    replayed: false,
    position,
    decidedAt,
  };
}

function knownFrom({ transfer, channel }: StoredTransfer): KnownKey {
  const { seconds = 0n, nanos = 0 } = transfer.decidedAt ?? {};
  return {
    fingerprint: fingerprintOf({ ...transfer, wait: 0 }),
    reason: transfer.reason,
    epoch: Number(transfer.position?.epoch ?? 0n),
    seq: Number(transfer.position?.seq ?? 0n),
    atMicros: Number(seconds) * 1_000_000 + nanos / 1000,
    away: channel !== null,
  };
}
