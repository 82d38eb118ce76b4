import { setTimeout as sleep } from 'node:timers/promises';
import { assert } from '../core/assert.ts';
import type { PlainBatch } from '../core/plain/plain-batch.ts';
import type { BatchEffects } from '../core/post/book-state.ts';
import type { Command, Outcome, OutcomeOf } from '../core/post/command.ts';
import { needsOf, post } from '../core/post/post.ts';
import { timestampFrom } from '../core/timestamp.ts';
import type { Logger } from '../logger.ts';
import type { LeaderStore } from '../store/book-store.ts';
import { describe } from '../store/store-error.ts';
import { Admission, lostRowsError } from './admission.ts';
import type { BatchStamp } from './answers.ts';
import { BatchPlan, changesNothing, type PreparedBatch } from './batch-plan.ts';
import type { BookMemory } from './book-memory.ts';
import { commitBatch, isKnownId, type OnHeldUp } from './commit.ts';
import { DryRuns, type Rehearsal } from './dry-runs.ts';
import type { Lookup } from './kinds/batch-part.ts';
import { idsOf } from './kinds/transfers.ts';
import type { KnownOutcomes } from './known-outcomes.ts';
import { isBug, LedgerError } from './ledger-error.ts';
import type { JournalPartitions } from './partitions/journal-partitions.ts';
import { type AccountsSeen, Publisher } from './publisher.ts';
import { whyNotLeading } from './take-over.ts';
import type { CommandWork, DryWork, PlainWork, TransferWork, Work } from './work.ts';
import { ledgerTuning } from '../ledger-tuning.ts';

/** How often an idle leader checks whether it still leads. */
const EPOCH_CHECK_MS = 500;

export interface LeaderParts {
  /** One connection, used for nothing else than this book's batches. */
  readonly store: LeaderStore;
  readonly memory: BookMemory;
  readonly known: KnownOutcomes;
  /** Undefined: the store refuses every id that the journal has. */
  readonly partitions: JournalPartitions | undefined;
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

/** Failures that leave what is remembered as true as it was. */
const NOTHING_CHANGED: ReadonlySet<LedgerError['code']> = new Set(['not_applied', 'diverged']);

/** What a step leaves for the next one, or why there is none. */
interface Step {
  readonly prepared: PreparedBatch | undefined;
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
  readonly #dryRuns: DryRuns;
  readonly #publisher: Publisher;
  /** Taken from the queue and not answered yet: the works of a batch that commits and of the next. */
  #underWay: (readonly Work[])[] = [];
  #stopping = false;
  #deposed: LedgerError | undefined;
  /** The commit of the batch that is on its way, or was last. */
  #committing: Promise<unknown> = Promise.resolve();
  /** Ends the wait for the step that is being made. */
  #interrupt: ((failure: LedgerError) => void) | undefined;

  constructor(parts: LeaderParts) {
    this.memory = parts.memory;
    this.#admission = new Admission(parts.memory, parts.tuning ?? ledgerTuning);
    this.#dryRuns = new DryRuns(parts.tuning?.dryRunItems ?? ledgerTuning.dryRunItems);
    this.#publisher = new Publisher(parts, () => this.#requireLead());
    this.#parts = parts;
  }

  /** The time that a batch made now would have, in microseconds since 1970. */
  nextMicros(): number {
    return this.memory.nextMicros(this.#parts.nowMicros());
  }

  /** Queues work; it is answered by its callbacks. */
  submit(work: Work): void {
    if (work.kind === 'plain') this.#admission.add(this.#arrivedPlain(work));
    else this.#admission.add(work.kind === 'transfers' ? this.#arrived(work) : work);
  }

  /** The ids are made once, and Redis is asked about them before it is their turn. */
  #arrived(work: TransferWork): TransferWork {
    const ids = idsOf(work.requests);
    return { ...work, ids, hints: work.hints ?? this.#parts.known.hints(ids) };
  }

  #arrivedPlain(work: PlainWork): PlainWork {
    const { known } = this.#parts;
    const plain = { ...work, ...known.plainHints(work.items.columns) };
    if (work.others === undefined) return plain;
    const { requests } = work.others;
    const ids = idsOf(requests);
    return { ...plain, others: { requests, ids, hints: known.hints(ids) } };
  }

  /**
   * Queues a command of the ledger itself. Resolves with its outcome after the commit.
   * @throws LedgerError
   */
  execute<C extends CommandWork['command']>(command: C): Promise<OutcomeOf<C['kind']>> {
    return new Promise((resolve, reject) => {
      const onOutcome: (outcome: OutcomeOf<C['kind']>) => void = resolve;
      this.submit({ kind: 'command', command, onOutcome, onFailure: reject });
    });
  }

  /** Queues work that is answered as though executed, while nothing is written. */
  submitDry(work: DryWork): void {
    const failure = lostRowsError(this.memory);
    if (failure !== undefined) work.onFailure(failure);
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
   * @throws LedgerError if this is not the leader any more
   */
  proveLeading(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.submit({ kind: 'proof', onOutcome: resolve, onFailure: reject });
    });
  }

  /**
   * Calls back after each commit that wrote rows, with the accounts that the batch looked at.
   * Returns how to stop it.
   */
  onCommitted(listener: (accounts: AccountsSeen) => void): () => void {
    return this.#publisher.onCommitted(listener);
  }

  /**
   * Leads until another leader takes over, until the database fails in a way that leaves an
   * outcome unknown, or until `stop`. Resolves with the reason. Work that waits then gets the
   * failure `not_leader`, for nothing of it was applied.
   *
   * @throws Error that no database caused, above all InvariantError: the process must end
   */
  async run(): Promise<string> {
    let reason: string | undefined;
    let prepared: PreparedBatch | undefined;
    try {
      while (reason === undefined) {
        try {
          ({ prepared, reason } = await this.#interruptible(this.#step(prepared)));
        } catch (error) {
          prepared = undefined;
          reason = await this.#fail(error);
        }
      }
      return reason;
    } finally {
      // Also after a bug: what waits here must not wait for a process that is about to end.
      const failure = new LedgerError('not_leader', reason ?? 'this leader has failed');
      this.#admission.close(failure);
      this.#dryRuns.close(failure);
    }
  }

  /** Takes nothing new, finishes what is queued, then ends `run`. */
  stop(): void {
    this.#stopping = true;
    this.#admission.refuse(new LedgerError('not_leader', 'the server is stopping'));
  }

  /**
   * Ends `run` at once, whatever it waits for. Nothing is answered as done any more: what is
   * under way, which may be committed, has an unknown outcome.
   */
  depose(reason: string): void {
    if (this.#deposed !== undefined) return;
    const code = this.#underWay.length > 0 ? 'outcome_unknown' : 'not_leader';
    this.#deposed = new LedgerError(code, reason);
    this.#admission.refuse(new LedgerError('not_leader', reason));
    this.#interrupt?.(this.#deposed);
  }

  async #step(ahead: PreparedBatch | undefined): Promise<Step> {
    this.#requireLead();
    const next = await this.#rehearse(ahead);
    for (const work of next?.plan.works ?? []) {
      // The batch before may have proven that this book has lost rows.
      const failure = this.#admission.failureOf(work);
      if (failure !== undefined) throw failure;
    }
    const batch = next ?? (await this.#next());
    if (batch !== undefined) return { prepared: await this.#execute(batch), reason: undefined };
    if (this.#stopping) return { prepared: undefined, reason: 'stopped' };
    const check = this.#dryRuns.waiting === 0;
    return {
      prepared: undefined,
      reason: check ? await whyNotLeading(this.#parts.store, this.memory.epoch) : undefined,
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

  /** Fails all that is under way. Returns why this leader must step down, if it must. */
  async #fail(error: unknown): Promise<string | undefined> {
    if (isBug(error)) {
      // The batch under way may have been committed before the bug showed.
      this.#failUnderWay(new LedgerError('outcome_unknown', 'this leader has failed', error));
      throw error;
    }
    const failure =
      error instanceof LedgerError ? error : new LedgerError('not_leader', describe(error), error);
    // The step of a deposed leader goes on alone, with the memory that it began with.
    if (this.#deposed === undefined) this.memory.dropped();
    this.#failUnderWay(failure);
    this.#parts.log.warn('a batch failed', { code: failure.code, why: failure.message });
    // The pause keeps a database that refuses everything from being asked in a busy loop.
    await sleep(50);
    // A rollback has changed nothing: the memory is still valid.
    return NOTHING_CHANGED.has(failure.code) ? undefined : failure.message;
  }

  #failUnderWay(failure: LedgerError): void {
    const failed = this.#underWay;
    this.#underWay = [];
    for (const work of failed.flat()) work.onFailure(failure);
  }

  /** The next batch, ready to be committed; undefined if nothing came within a while. */
  async #next(): Promise<PreparedBatch | undefined> {
    await this.#admission.queue.waitForWork(EPOCH_CHECK_MS);
    // Work that a deposed leader took from the queue now would never be answered.
    this.#requireLead();
    const works = this.#admission.take();
    if (works.length === 0) return undefined;
    this.#underWay.push(works);
    const plan = new BatchPlan(works, performance.now());
    await plan.lookUp(this.#lookup(false));
    return this.#prepare(plan);
  }

  #lookup(journalOnly: boolean): Lookup {
    const { store, known } = this.#parts;
    return { book: this.memory.book, store, known, journalOnly, onItsWay: this.#committing };
  }

  /**
   * Runs the dry runs that wait. No batch is on its way now, and what a dry run sees must have been
   * committed: a batch that was prepared is given up for them, and prepared again.
   */
  async #rehearse(ahead: PreparedBatch | undefined): Promise<PreparedBatch | undefined> {
    if (this.#dryRuns.waiting === 0) return ahead;
    if (ahead !== undefined) this.memory.abandon();
    await this.#dryRuns.run(this.#rehearsal);
    return ahead === undefined ? undefined : this.#prepare(ahead.plan);
  }

  /** Executes in memory what has no answer yet. The batch is begun then, and not yet on its way. */
  async #prepare(plan: BatchPlan): Promise<PreparedBatch> {
    for (;;) {
      this.memory.begin();
      let prepared: PreparedBatch | undefined;
      try {
        prepared = await this.#tryToPrepare(plan);
      } finally {
        if (prepared === undefined) this.memory.abandon();
      }
      if (prepared !== undefined) return prepared;
    }
  }

  /** Undefined: some of what it would refuse has an answer already, and the plan is another one. */
  async #tryToPrepare(plan: BatchPlan): Promise<PreparedBatch | undefined> {
    const plain = await this.#postPlain(plan);
    const { effects, atMicros } = await this.#post(plan.commands(), plain);
    if (plain !== undefined && plan.hasKeyOf(plain, effects)) {
      // Which of the two has the key is for the general lane to decide, which sees both.
      plan.parts.plain.demoteAll();
      return undefined;
    }
    if (await plan.lookUpRefused(effects.outcomes, this.#lookup(true))) return undefined;
    this.memory.posted(effects);
    const append = this.memory.appendOf(effects, atMicros, plain);
    return { plan, effects, plain, append, atMicros };
  }

  /** Posts what is plain. What is not, after all, is looked up for the general lane. */
  async #postPlain({ parts }: BatchPlan): Promise<PlainBatch | undefined> {
    const { store, known } = this.#parts;
    await this.memory.loadFor(store, parts.plain.columns);
    const stamp = this.memory.stampOf(this.nextMicros());
    const { accounts } = this.memory;
    const plain = parts.plain.post(stamp, { accounts, known: known.plainIds });
    await parts.transfers.lookUp(this.#lookup(false));
    return plain;
  }

  /** @param plain the part of the same batch that has been posted before */
  async #post(
    commands: readonly Command[],
    plain?: PlainBatch,
  ): Promise<{ effects: BatchEffects; atMicros: number }> {
    const needs = needsOf(commands, this.memory.book.number);
    const state = await this.memory.stateFor(this.#parts.store, needs, plain);
    const atMicros = plain?.stamp.atMicros ?? this.nextMicros();
    return { effects: post(state, commands, atMicros), atMicros };
  }

  #answer({ plan, effects, atMicros }: PreparedBatch): BatchStamp {
    const { book, epoch } = this.memory;
    const stamp = { book, epoch, atMicros, decidedAt: timestampFrom(atMicros) };
    plan.answer(effects.outcomes, stamp);
    return stamp;
  }

  /** Dry runs look keys up in the journal alone, and are never committed. */
  get #rehearsal(): Rehearsal {
    return {
      memory: this.memory,
      execute: async (work: Work) => {
        const plan = new BatchPlan([work], performance.now());
        await plan.lookUp(this.#lookup(true));
        const prepared = await this.#prepare(plan);
        this.memory.abandon();
        this.#answer(prepared);
        return prepared;
      },
      publish: ({ plan }: PreparedBatch) => plan.publish(this.#publisher.publication()),
      outcomeOf: async (command: Command): Promise<Outcome | undefined> => {
        const { effects } = await this.#post([command]);
        return effects.outcomes[0];
      },
    };
  }

  /**
   * Commits a batch and answers it. Returns the next one, if enough waited meanwhile to
   * prepare it on top of this one.
   */
  async #execute(batch: PreparedBatch): Promise<PreparedBatch | undefined> {
    if (changesNothing(batch)) {
      this.memory.abandon();
      this.#answered(batch);
      return undefined;
    }
    this.memory.assume(batch.effects, batch.append, batch.plain);
    const commit = this.#commit(batch);
    this.#committing = commit;
    const [committed, ahead] = await Promise.allSettled([commit, this.#prepareAhead(commit)]);
    for (const settled of [committed, ahead]) {
      // Before the reasons to step down, behind which a bug would be lost.
      if (settled.status === 'rejected' && isBug(settled.reason)) throw settled.reason;
    }
    this.#requireLead();
    if (committed.status === 'rejected') throw committed.reason;
    if (committed.value) {
      this.memory.committed();
      this.#answered(batch);
    } else {
      this.memory.dropped();
      await this.#executeAgain(batch.plan);
    }
    if (ahead.status === 'rejected') throw ahead.reason;
    if (committed.value || ahead.value === undefined) return ahead.value;
    return this.#prepare(ahead.value.plan);
  }

  /** A batch that cannot grow any more need not wait for the commit of the one before. */
  async #prepareAhead(commit: Promise<unknown>): Promise<PreparedBatch | undefined> {
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
      const { unanswered } = plan;
      await plan.lookUp(this.#lookup(true));
      assert(plan.unanswered < unanswered, 'a batch is refused for a key that the journal has');
      const batch = await this.#prepare(plan);
      if (changesNothing(batch)) {
        this.memory.abandon();
      } else {
        this.memory.assume(batch.effects, batch.append, batch.plain);
        if (!(await this.#commit(batch))) {
          this.memory.dropped();
          continue;
        }
        this.memory.committed();
      }
      this.#answered(batch);
      return;
    }
  }

  /** False: a key of the batch is in the journal already, and nothing was written. */
  async #commit({ append, plan }: PreparedBatch): Promise<boolean> {
    this.#requireLead();
    const { store, partitions, onHeldUp } = this.#parts;
    let written: boolean;
    try {
      if ((await partitions?.admits(append, plan.parts.plain.absence)) === false) return false;
      written = await commitBatch(store, append, onHeldUp);
    } catch (error) {
      if (isBug(error)) throw error;
      this.#requireLead();
      if (isKnownId(error)) return false;
      throw error;
    }
    this.#requireLead();
    if (written) {
      partitions?.committed(append);
      return true;
    }
    throw new LedgerError('not_leader', 'another leader has taken the book over');
  }

  /**
   * After the commit: gives everything its answer at once, for the next batch may repeat a
   * key, and publishes the answers at the end of this turn, when the next batch is on its way to
   * the database.
   */
  #answered(batch: PreparedBatch): void {
    this.#requireLead();
    const { works, parts } = batch.plan;
    this.#underWay = this.#underWay.filter((underWay) => underWay !== works);
    const { known } = this.#parts;
    const ids = parts.transfers.remember(known, this.#answer(batch));
    const plainIds = parts.plain.remember(known);
    setImmediate(() => {
      this.#publisher.publish(batch);
      known.addToRedis(ids);
      if (plainIds !== undefined) known.addPlainToRedis(plainIds);
    });
  }
}
