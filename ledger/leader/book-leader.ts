import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { TransferStatus } from '../../proto/gen/meridian/v1/transfer.ts';
import { assert } from '../core/assert.ts';
import type { Posted } from '../core/post/book-state.ts';
import { post } from '../core/post/post.ts';
import type { Logger } from '../logger.ts';
import type { Sql } from '../store/connect.ts';
import { readOpened } from '../store/read-opened.ts';
import { describe, isKnownId } from '../store/sqlstate.ts';
import { Admission } from './admission.ts';
import { BatchPlan, type TransferItem } from './batch-plan.ts';
import type { BookMemory } from './book-memory.ts';
import { commitBatch, type OnHeldUp } from './commit.ts';
import { DryRuns, legsOf, reasonsOf, settlementOf } from './dry-runs.ts';
import { isBug, LedgerFault } from './ledger-fault.ts';
import { needsOf } from './needs.ts';
import {
  addPeers,
  answerItems,
  answerWorks,
  changesNothing,
  haltedItems,
  haltedOf,
  knownOf,
  openCount,
  type Ready,
  responsesOf,
} from './ready.ts';
import type { Recall } from './recall.ts';
import { SettlementWaiters } from './settlement-waiters.ts';
import { whyNotLeading } from './take-over.ts';
import type { CloseWork, DryTransferWork, DryWork, LegsWork, TransferWork, Work } from './work.ts';
import { ledgerTuning } from '../tuning.ts';

/** How often an idle leader checks whether it still leads. */
const EPOCH_CHECK_MS = 500;

export interface LeaderParts {
  /** One connection, used for nothing else than this book's batches. */
  readonly sql: Sql;
  readonly memory: BookMemory;
  readonly recall: Recall;
  readonly log: Logger;
  /** The time of the book, in microseconds since 1970. */
  readonly nowMicros: () => number;
  /** Called after a commit that sent legs to another book. */
  readonly onSent: (peerBook: number) => void;
  /** Undefined: commits may take as long as they do. */
  readonly onHeldUp?: OnHeldUp | undefined;
  /** Called with a bug that shows where `run` does not wait for it. */
  readonly onBug: (error: unknown) => void;
  readonly tuning?: typeof ledgerTuning;
}

/** Faults that leave what is remembered as true as it was. */
const NOTHING_CHANGED: ReadonlySet<LedgerFault['code']> = new Set(['not_applied', 'diverged']);

/** What a step leaves for the next one, or why there is none. */
interface Step {
  readonly ready: Ready | undefined;
  readonly reason: string | undefined;
}

/**
 * The one writer of a book: executes what arrives one batch at a time. Everything that arrives
 * while a batch is being committed forms the next one.
 */
export class BookLeader {
  readonly memory: BookMemory;
  readonly #parts: LeaderParts;
  readonly #admission: Admission;
  readonly #waiters = new SettlementWaiters();
  readonly #dryRuns: DryRuns;
  readonly #listeners = new Set<(accounts: Posted['accounts']) => void>();
  /** Taken from the queue and not answered yet. */
  readonly #underWay = new Set<Work>();
  #stopping = false;
  #deposed: LedgerFault | undefined;
  /** Ends the wait for the step that is being made. */
  #interrupt: ((fault: LedgerFault) => void) | undefined;

  constructor(parts: LeaderParts) {
    this.memory = parts.memory;
    this.#admission = new Admission(parts.memory, parts.tuning ?? ledgerTuning);
    this.#dryRuns = new DryRuns(parts.tuning?.dryRunItems ?? ledgerTuning.dryRunItems);
    this.#parts = parts;
  }

  /** The time that a batch made now would have, in microseconds since 1970. */
  nextMicros(): number {
    return this.memory.nextMicros(this.#parts.nowMicros());
  }

  /** Queues work; it is answered by its callbacks. */
  submit(work: Work): void {
    const asked = work.kind === 'transfers' && work.hints === undefined;
    this.#admission.add(asked ? { ...work, hints: this.#parts.recall.ask(work.requests) } : work);
  }

  /** Queues work that is answered as though executed, while nothing is written. */
  submitDry(work: DryWork): void {
    const fault = this.#admission.faultOf(work);
    if (fault !== undefined) work.onFault(fault);
    else if (this.#dryRuns.add(work)) this.#admission.queue.wake();
  }

  /** Lets what posts wait until `release`: the channels are to be compared first. */
  hold(): void {
    this.#admission.hold();
  }

  release(): void {
    this.#admission.release();
  }

  /**
   * Resolves after a commit that only the leader of the book can make.
   * @throws LedgerFault if this is not the leader any more
   */
  proveLeading(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.submit({ kind: 'proof', onOutcome: resolve, onFault: reject });
    });
  }

  /**
   * Calls back after each commit that wrote rows, with the accounts that the batch looked at.
   * Returns how to stop it.
   */
  onCommitted(listener: (accounts: Posted['accounts']) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Leads until another leader takes over, until the database fails in a way that leaves an
   * outcome unknown, or until `stop`. Resolves with the reason. Work that waits then gets the
   * fault `not_leader`, for nothing of it was applied.
   *
   * @throws Error that no database caused, above all InvariantError: the process must end
   */
  async run(): Promise<string> {
    let reason: string | undefined;
    let ready: Ready | undefined;
    try {
      while (reason === undefined) {
        try {
          ({ ready, reason } = await this.#interruptible(this.#step(ready)));
        } catch (error) {
          ready = undefined;
          reason = await this.#fail(error);
        }
      }
      return reason;
    } finally {
      // Also after a bug: what waits here must not wait for a process that is about to end.
      const fault = new LedgerFault('not_leader', reason ?? 'this leader has failed');
      this.#admission.close(fault);
      this.#dryRuns.close(fault);
    }
  }

  /** Takes nothing new, finishes what is queued, then ends `run`. */
  stop(): void {
    this.#stopping = true;
    this.#admission.refuse(new LedgerFault('not_leader', 'the server is stopping'));
  }

  /**
   * Ends `run` at once, whatever it waits for. Nothing is answered as done any more: what is
   * under way, which may be committed, has an unknown outcome.
   */
  depose(reason: string): void {
    if (this.#deposed !== undefined) return;
    const code = this.#underWay.size > 0 ? 'outcome_unknown' : 'not_leader';
    this.#deposed = new LedgerFault(code, reason);
    this.#admission.refuse(new LedgerFault('not_leader', reason));
    this.#interrupt?.(this.#deposed);
  }

  async #step(prepared: Ready | undefined): Promise<Step> {
    this.#requireLead();
    // No batch is on its way now: what a dry run sees has been committed.
    await this.#dryRuns.run((works) => this.#rehearse(works));
    for (const work of prepared?.plan.works ?? []) {
      // The batch before may have proven that this book has lost rows.
      const fault = this.#admission.faultOf(work);
      if (fault !== undefined) throw fault;
    }
    const ready = prepared ?? (await this.#next());
    if (ready !== undefined) return { ready: await this.#execute(ready), reason: undefined };
    if (this.#stopping) return { ready, reason: 'stopped' };
    const check = this.#dryRuns.waiting === 0;
    return {
      ready,
      reason: check ? await whyNotLeading(this.#parts.sql, this.memory.epoch) : undefined,
    };
  }

  /** Waits for a step, unless `depose` is called: then it goes on alone, without answers. */
  #interruptible(step: Promise<Step>): Promise<Step> {
    return new Promise((resolve, reject) => {
      this.#interrupt = reject;
      step.then(resolve, (error: unknown) => {
        reject(error);
        // `run` is over by now and does not see it.
        if (this.#deposed !== undefined && isBug(error)) this.#parts.onBug(error);
      });
    });
  }

  #requireLead(): void {
    if (this.#deposed !== undefined) throw this.#deposed;
  }

  /** Faults all that is under way. Returns why this leader must step down, if it must. */
  async #fail(error: unknown): Promise<string | undefined> {
    if (isBug(error)) {
      // The batch under way may have been committed before the bug showed.
      this.#faultUnderWay(new LedgerFault('outcome_unknown', 'this leader has failed', error));
      throw error;
    }
    const fault =
      error instanceof LedgerFault ? error : new LedgerFault('not_leader', describe(error), error);
    // The step of a deposed leader goes on alone, with the memory that it began with.
    if (this.#deposed === undefined) this.memory.dropped();
    this.#faultUnderWay(fault);
    this.#parts.log.warn('a batch failed', { code: fault.code, why: fault.message });
    // The pause keeps a database that refuses everything from being asked in a busy loop.
    await sleep(50);
    // A rollback has changed nothing: the memory is still valid.
    return NOTHING_CHANGED.has(fault.code) ? undefined : fault.message;
  }

  #faultUnderWay(fault: LedgerFault): void {
    for (const work of this.#underWay) work.onFault(fault);
    this.#underWay.clear();
  }

  /** The next batch, ready to be committed; undefined if nothing came within a while. */
  async #next(): Promise<Ready | undefined> {
    await this.#admission.queue.waitForWork(EPOCH_CHECK_MS);
    // Work that a deposed leader took from the queue now would never be answered.
    this.#requireLead();
    const works = this.#admission.take();
    if (works.length === 0) return undefined;
    for (const work of works) this.#underWay.add(work);
    return this.#prepare(await this.#plan(works));
  }

  /** The plan of a batch, with the answers of all keys that are known to have one. */
  async #plan(works: readonly Work[]): Promise<BatchPlan> {
    const plan = new BatchPlan(works, performance.now());
    const items = plan.unanswered();
    const { recall } = this.#parts;
    if (items.length > 0) plan.answer(items, await recall.known(items, await plan.hints()));
    await this.#recallRest(plan);
    return plan;
  }

  /** Gives every item the answer that the journal alone has for it. */
  async #recallRecorded(plan: BatchPlan): Promise<void> {
    const items = plan.unanswered();
    if (items.length > 0) plan.answer(items, await this.#parts.recall.recorded(items));
    await this.#recallRest(plan);
  }

  /** Openings and changes, which are rare: the journal is asked for each batch of them. */
  async #recallRest(plan: BatchPlan): Promise<void> {
    const { book } = this.memory;
    const externalIds = plan.unopened().map(({ request }) => request.externalId);
    if (externalIds.length > 0) {
      plan.answerOpenings(book, await readOpened(this.#parts.sql, book, externalIds));
    }
    for (const item of plan.unchanged()) {
      item.answer = await this.#parts.recall.change(item.id, item.work.request);
    }
  }

  async #prepare(plan: BatchPlan): Promise<Ready> {
    const planned = plan.commands();
    const commands = planned.map(({ command }) => command);
    const needs = needsOf(commands, this.memory.book.number);
    const state = await this.memory.stateFor(this.#parts.sql, needs);
    const atMicros = this.nextMicros();
    const posted = post(state, commands, atMicros);
    if (await this.#recallHalted(plan, haltedItems(planned, posted))) return this.#prepare(plan);
    return { plan, planned, posted, batch: this.memory.appendOf(posted, atMicros), atMicros };
  }

  /** Asks the journal about what a halted channel refused: true if it knows some of the keys. */
  async #recallHalted(plan: BatchPlan, items: readonly TransferItem[]): Promise<boolean> {
    if (items.length === 0) return false;
    plan.answer(items, await this.#parts.recall.recorded(items));
    return items.some(({ answer }) => answer !== undefined);
  }

  /** Executes works in memory alone, one after the other, and answers them. */
  async #rehearse(works: readonly DryWork[]): Promise<void> {
    for (const work of works) {
      if (work.kind === 'legs') await this.#rehearseLegs(work);
      else if (work.kind === 'dryTransfers') await this.#rehearseTransfers(work);
      else answerWorks(await this.#rehearsed(work));
    }
  }

  async #rehearseTransfers({ requests, onOutcome, onFault }: DryTransferWork): Promise<void> {
    const startBefore = requests.map(() => Infinity);
    const ignored = { onOutcome: () => undefined, onLate: () => undefined };
    const work = { kind: 'transfers', requests, startBefore, onFault, ...ignored } as const;
    const ready = await this.#rehearsed(work);
    const items = ready.plan.transferWorks.flatMap((made) => made.items);
    const halted = haltedOf(items, this.memory);
    onOutcome(responsesOf(items), legsOf(items, ready.posted), halted);
  }

  /** A batch of one work that has been executed and answered, and is never committed. */
  async #rehearsed(work: Work): Promise<Ready> {
    const plan = new BatchPlan([work], performance.now());
    await this.#recallRecorded(plan);
    const ready = await this.#prepare(plan);
    answerItems(ready, this.memory);
    return ready;
  }

  async #rehearseLegs(work: LegsWork): Promise<void> {
    const command = settlementOf(work, this.memory);
    const needs = needsOf([command], this.memory.book.number);
    const state = await this.memory.stateFor(this.#parts.sql, needs);
    const [outcome] = post(state, [command], this.nextMicros()).outcomes;
    work.onOutcome(reasonsOf(command, outcome));
  }

  /**
   * Commits a batch and answers it. Returns the next one, if enough waited meanwhile to
   * prepare it on top of this one.
   */
  async #execute(ready: Ready): Promise<Ready | undefined> {
    if (changesNothing(ready)) {
      this.#answered(ready);
      return undefined;
    }
    this.memory.assume(ready.posted, ready.batch);
    const commit = this.#commit(ready);
    const [committed, ahead] = await Promise.allSettled([commit, this.#prepareAhead(commit)]);
    for (const settled of [committed, ahead]) {
      // Before the reasons to step down, behind which a bug would be lost.
      if (settled.status === 'rejected' && isBug(settled.reason)) throw settled.reason;
    }
    this.#requireLead();
    if (committed.status === 'rejected') throw committed.reason;
    if (committed.value) {
      this.memory.committed();
      this.#answered(ready);
    } else {
      this.memory.dropped();
      await this.#executeAgain(ready.plan);
    }
    if (ahead.status === 'rejected') throw ahead.reason;
    if (committed.value || ahead.value === undefined) return ahead.value;
    return this.#prepare(ahead.value.plan);
  }

  /** A batch that cannot grow any more need not wait for the commit of the one before. */
  async #prepareAhead(commit: Promise<unknown>): Promise<Ready | undefined> {
    let committing = true;
    const committed = async () => {
      await Promise.allSettled([commit]);
      committing = false;
    };
    await Promise.race([committed(), this.#admission.queue.whenFull()]);
    return committing ? this.#next() : undefined;
  }

  /**
   * Some key of the batch was known to neither memory nor Redis, and the journal has refused
   * it. Nothing was applied: the journal is asked for all keys, and the rest is posted.
   */
  async #executeAgain(plan: BatchPlan): Promise<void> {
    for (;;) {
      const open = openCount(plan);
      await this.#recallRecorded(plan);
      assert(openCount(plan) < open, 'a batch is refused for a key that the journal has');
      const ready = await this.#prepare(plan);
      if (!changesNothing(ready)) {
        this.memory.assume(ready.posted, ready.batch);
        if (!(await this.#commit(ready))) {
          this.memory.dropped();
          continue;
        }
        this.memory.committed();
      }
      this.#answered(ready);
      return;
    }
  }

  /** False: a key of the batch is in the journal already, and nothing was written. */
  async #commit({ batch }: Ready): Promise<boolean> {
    this.#requireLead();
    const { sql, onHeldUp } = this.#parts;
    let written: boolean;
    try {
      written = await commitBatch(sql, batch, onHeldUp);
    } catch (error) {
      if (isBug(error)) throw error;
      this.#requireLead();
      if (isKnownId(error)) return false;
      throw error;
    }
    this.#requireLead();
    if (written) return true;
    throw new LedgerFault('not_leader', 'another leader has taken the book over');
  }

  /**
   * After the commit: gives everything its answer at once, for the next batch may repeat a
   * key, and sends the answers at the end of this turn, when the next batch is on its way to
   * the database.
   */
  #answered(ready: Ready): void {
    this.#requireLead();
    for (const work of ready.plan.works) this.#underWay.delete(work);
    const known = knownOf(answerItems(ready, this.memory), this.memory.epoch, ready.atMicros);
    this.#parts.recall.remember(known);
    setImmediate(() => {
      this.#publish(ready);
      this.#parts.recall.addToRedis(known);
    });
  }

  #publish(ready: Ready): void {
    const { planned, posted } = ready;
    const closed: CloseWork[] = [];
    const peers = new Set<number>();
    for (const [index, made] of planned.entries()) {
      const outcome = posted.outcomes[index];
      if (outcome?.kind === 'transfer') {
        addPeers(outcome, peers);
      } else if (made.kind === 'settle' && outcome?.kind === 'settle') {
        made.work.onOutcome(outcome);
      } else if (made.kind === 'close') {
        closed.push(made.work);
      } else if (made.kind === 'expire' || made.kind === 'channel') {
        made.work.onOutcome();
      }
    }
    this.#answerTransfers(ready.plan);
    answerWorks(ready);
    // Last, for the callers of this very batch may wait for what is closed in it.
    for (const { command, onOutcome } of closed) {
      onOutcome();
      this.#waiters.settle(command);
    }
    for (const peerBook of peers) this.#parts.onSent(peerBook);
    if (posted.rows.length > 0) for (const listener of this.#listeners) listener(posted.accounts);
  }

  #answerTransfers(plan: BatchPlan): void {
    for (const { work, items } of plan.transferWorks) {
      const { onLate } = work;
      work.onOutcome(responsesOf(items), haltedOf(items, this.memory));
      // Callers of those in transit get the rest when the other book has answered.
      const overtaken = new Map<number, TransferItem>();
      for (const [index, item] of items.entries()) {
        if (item.answer === undefined || item.answer.channel === null) continue;
        const { response, channel } = item.answer;
        const until = work.startBefore[index] ?? 0;
        const waiter = { number: channel.number, until, index, response, onLate };
        if (!this.#waiters.add(channel.peerBook, waiter)) overtaken.set(index, item);
      }
      if (overtaken.size > 0) void this.#answerOvertaken(overtaken, onLate);
    }
  }

  /**
   * A retry was found to be in transit while the batch that ends it was being committed: the
   * journal knows by now. If it cannot be asked, the caller is left with IN_TRANSIT.
   */
  async #answerOvertaken(
    overtaken: ReadonlyMap<number, TransferItem>,
    onLate: TransferWork['onLate'],
  ): Promise<void> {
    try {
      const recorded = await this.#parts.recall.recorded([...overtaken.values()]);
      // The journal may contain a commit that is in doubt, and is known to be so by now.
      await turn();
      this.#requireLead();
      const late = [...overtaken.keys()].flatMap((index, place) => {
        const result = recorded[place]?.response;
        return result === undefined ? [] : [{ index, result }];
      });
      onLate(late.filter(({ result }) => result.status !== TransferStatus.IN_TRANSIT));
    } catch (error) {
      if (isBug(error)) this.#parts.onBug(error);
      this.#parts.log.warn('transfers in transit cannot be looked up', { why: describe(error) });
    }
  }
}
