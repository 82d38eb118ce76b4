import { must } from '../../core/assert.ts';
import type { PlainAccounts } from '../../core/plain/plain-accounts.ts';
import type { KnownIds, PlainBatch } from '../../core/plain/plain-batch.ts';
import { idText } from '../../core/plain/plain-columns.ts';
import { plainReplies } from '../../core/plain/plain-replies.ts';
import { indexOf } from '../../core/plain/scan-plain.ts';
import type { Holds } from '../../core/plain/sequence-order.ts';
import type { SequenceOrders } from './sequence-orders.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import { transferIdOf } from '../../core/transfer-id.ts';
import type { GeneralOutcome, PlainWork } from '../work.ts';
import { newItem, type TransferItem, type WorkItems } from './transfers.ts';

const NOTHING_POSTED = Buffer.alloc(0);

/** What plain transfers are posted on. */
export interface PlainState {
  readonly accounts: PlainAccounts;
  readonly known: KnownIds;
  readonly holds: Holds;
}

/** A work of which the plain lane posts one part, and the general lane decides the rest. */
export class SplitWork {
  readonly work: PlainWork;
  readonly #now: number;
  /** By place, 1: demoted; undefined: none is. */
  #demoted: Uint8Array | undefined;
  /** Plain transfers that are not demoted. */
  plain: number;
  /** What is not plain or demoted. The items keep their answers from attempt to attempt. */
  readonly #items: TransferItem[] = [];
  #sorted = true;
  #general: WorkItems | undefined;
  #batch: PlainBatch | undefined;
  /** Place in the batch of the first that was posted. */
  #first = 0;

  /** @param now performance.now(): what should have begun before is not started any more */
  constructor(work: PlainWork, now: number) {
    this.work = work;
    this.#now = now;
    this.plain = work.items.columns.count;
    const { requests = [], ids = [] } = work.others ?? {};
    for (const [at, { index }] of (work.items.mixed?.others ?? []).entries()) {
      const request = must(requests[at], 'every transfer that is not plain has its request');
      this.#addItem(index, request, ids[at]);
    }
  }

  /** True: one of its transfers must not be started any more. */
  isLate(now: number): boolean {
    return this.work.arrived + this.work.items.timeoutMs < now;
  }

  /** What the general lane is to do; undefined: nothing. */
  get general(): WorkItems | undefined {
    if (this.#items.length === 0) return undefined;
    if (!this.#sorted) this.#items.sort((a, b) => a.index - b.index);
    this.#sorted = true;
    const { hints, others } = this.work;
    this.#general ??= {
      items: this.#items,
      hints: others === undefined ? [hints] : [hints, others.hints],
      onOutcome: (results, halted) => {
        this.publish({ indexes: this.#items.map(({ index }) => index), results, halted });
      },
      onLate: this.work.onLate,
    };
    return this.#general;
  }

  demoteAll(): void {
    for (let place = 0; this.plain > 0; place += 1) this.#demote(place);
  }

  /** Demotes the transfers with one of these keys. */
  demoteKeys(keys: ReadonlySet<string>): void {
    const { count, ids } = this.work.items.columns;
    for (let place = 0; place < count; place += 1) {
      if (keys.has(idText(ids, place))) this.#demote(place);
    }
  }

  /**
   * Posts what is not demoted, in order, or demotes it: what the plain lane does not decide, and
   * what must stay behind that.
   *
   * @param orders of the sequences of its stream
   */
  post(batch: PlainBatch, { accounts, known }: PlainState, orders: SequenceOrders): void {
    const { items, others } = this.work;
    const { columns, mixed } = items;
    const { debits, credits, ids } = columns;
    this.#batch = batch;
    this.#first = batch.count;
    const run = orders.runs(items.runs);
    let other = 0;
    const passOthers = (end: number) => {
      for (; (mixed?.others[other]?.index ?? Infinity) < end; other += 1) {
        const request = others?.requests[other];
        if (request !== undefined) run.begun(mixed?.others[other]?.index ?? 0).add(request);
      }
    };
    for (let place = 0; place < columns.count; place += 1) {
      const index = mixed === undefined ? place : (mixed.indexes[place] ?? 0);
      if (mixed !== undefined) passOthers(index);
      const [debit, credit] = [debits[place] ?? 0, credits[place] ?? 0];
      if (this.#demoted?.[place] !== 1) {
        const before = run.at(index);
        const free = before?.holdsBack(debit, credit, ids[place * 4 + 3] ?? 0) !== true;
        if (free && batch.post(columns, place, accounts, known)) continue;
        this.#demote(place);
      }
      run.begun(index).addPlain(debit, credit);
    }
    if (mixed !== undefined) passOthers(Infinity);
  }

  /** Where in the batch those of some places were posted. @param places ascending */
  placesInBatch(places: readonly number[]): number[] {
    const demoted = this.#demoted;
    if (demoted === undefined) return places.map((place) => this.#first + place);
    let before = 0;
    let at = 0;
    return places.flatMap((place) => {
      for (; at < place; at += 1) before += demoted[at] ?? 0;
      return demoted[place] === 1 ? [] : [this.#first + place - before];
    });
  }

  publish(general?: GeneralOutcome): void {
    const batch = this.#batch;
    const { items, onOutcome } = this.work;
    const posted =
      this.plain === 0 || batch === undefined
        ? NOTHING_POSTED
        : plainReplies(items, batch.stamp, batch.seqOf(this.#first), this.#demoted);
    onOutcome({ posted, general });
  }

  #demote(place: number): void {
    const { items, requestOf } = this.work;
    this.#demoted ??= new Uint8Array(items.columns.count);
    if (this.#demoted[place] === 1) return;
    this.#demoted[place] = 1;
    this.plain -= 1;
    const request = requestOf(place);
    // A plain key is its own id.
    this.#addItem(indexOf(items, place), request, request.idempotencyKey);
  }

  #addItem(index: number, request: CreateTransferRequest, id?: string): void {
    const { items, arrived } = this.work;
    const { namespace, idempotencyKey } = request;
    const own = id ?? transferIdOf(namespace, idempotencyKey);
    const startBefore = arrived + (items.timeouts[index] ?? 0);
    this.#sorted &&= (this.#items.at(-1)?.index ?? -1) < index;
    this.#items.push(newItem({ id: own, request, index, startBefore }, this.#now));
  }
}
