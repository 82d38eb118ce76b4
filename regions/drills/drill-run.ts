import { setTimeout as sleep } from 'node:timers/promises';
import pWaitFor from 'p-wait-for';
import type { RegionName } from '../topology/layout.ts';
import type { MemberState, ReplicatedState } from '../topology/state.ts';
import type { NamedBook } from '../operator/book-copies.ts';
import { Operator } from '../operator/operator.ts';
import { BlastRadius, HARMED_AFTER_MS } from './blast-radius.ts';
import { collectEvidence } from './evidence/collect.ts';
import { CallLog, type RecordedCall } from './load/call-log.ts';
import { RunClock } from './load/run-clock.ts';
import { CALL_DEADLINE_MS, DrillLoad } from './load/drill-load.ts';
import { measureBook, measureCollateral, seriesOf } from './measure.ts';
import { recordDrill } from './record-drill.ts';
import type { Check, DrillReport, DrillEvidence } from './report.ts';
import type { DrillOptions } from './drill-options.ts';
import { AbortedDrill, type Drill } from './scenario.ts';
import { steadyProblems, waitUntilSteady } from './steady.ts';
import { Timeline } from './drill-timeline.ts';
import { TrackedFaults } from '../faults/tracked-faults.ts';
import { checksOf, verdictOf } from './drill-verdict.ts';
import { commitOf } from '../processes/release.ts';
import { versionsOf } from './versions.ts';
import { Watcher } from './watcher.ts';

const ACCOUNTS_PER_REGION = 20;
const SEED = 20_261_121;
const STEADY_BEFORE_MS = 30_000;
/** A replica may have to be copied again in full, which takes time. */
const STEADY_AFTER_MS = 180_000;
/** For a primary to answer once all is well again. */
const PRIMARY_MS = 60_000;
/** A planned change needs answers from all members at once; a busy machine may owe one of them. */
const FAILBACKS_MOST = 3;

export const ABORT_CONDITIONS = [
  'the installation is not in its steady state before anything is broken',
  `a book of a region that should not notice has no payment there for ${HARMED_AFTER_MS / 1_000} s`,
  'something cannot be broken or repaired as the scenario requires',
  'the operator stops the drill',
];

/** The region of a book's leader. */
type Leading = { readonly region: RegionName; readonly epoch: number } | undefined;

/** One run of a drill from its first check to its report. */
export class DrillRun {
  readonly #options: DrillOptions;
  readonly #id: string;
  readonly #replicated: ReplicatedState;
  readonly #books: readonly NamedBook[];
  readonly #clock = new RunClock();
  readonly #timeline: Timeline;
  readonly #log: CallLog;
  readonly #load: DrillLoad;
  readonly #watcher: Watcher;
  readonly #faults: TrackedFaults;
  readonly #operator: Operator;
  readonly #abort = new AbortController();
  readonly #checks: Check[] = [];
  #radius: BlastRadius | undefined;
  #aborted = '';
  #problems: readonly string[] = [];
  #before = new Map<string, Leading>();
  #answeredBefore = new Map<string, number>();
  #untilMs = 0;
  #healedAfterMs: number | null = null;

  constructor(options: DrillOptions, id: string, callsFile: string) {
    const { state, faults, view, ratePerRegion } = options;
    if (state.replicated === undefined) throw new Error('drills need a replicated installation');
    this.#options = options;
    this.#id = id;
    this.#replicated = state.replicated;
    this.#books = booksOf(state.replicated);
    this.#timeline = new Timeline((mark) => view.mark(mark));
    this.#log = new CallLog(callsFile, (call) => this.#called(call));
    this.#operator = new Operator(state);
    this.#faults = new TrackedFaults(faults);
    this.#watcher = new Watcher(state.replicated.members, this.#clock, (sighting) => {
      this.#timeline.saw(sighting);
    });
    this.#load = new DrillLoad({
      routers: state.regions.map(({ name, routerAddress }) => ({
        region: name,
        address: routerAddress,
      })),
      namespace: id,
      ratePerRegion,
      accountsPerRegion: ACCOUNTS_PER_REGION,
      seed: SEED,
      clock: this.#clock,
      log: this.#log,
    });
  }

  async run(): Promise<DrillReport> {
    const { signal } = this.#options;
    const stop = () => this.#abort.abort(new AbortedDrill('stopped by the operator'));
    signal.addEventListener('abort', stop, { once: true });
    this.#watcher.start();
    try {
      if (signal.aborted) stop();
      await this.#breakAndMend();
      const evidence = await this.#prove();
      return await this.#report(evidence);
    } finally {
      signal.removeEventListener('abort', stop);
      this.#load.close();
      await Promise.all([this.#watcher.stop(), this.#operator.close(), this.#log.close()]);
    }
  }

  async #breakAndMend(): Promise<void> {
    const { scenario, view } = this.#options;
    try {
      await this.#begin();
      view.phase(`${scenario.name}: ${scenario.breaks}`);
      await this.#guarded(() => scenario.run(this.#drill()));
    } catch (error) {
      this.#aborted = wordsOf(this.#abort.signal.aborted ? this.#abort.signal.reason : error);
      view.phase(`aborted: ${this.#aborted}`);
    } finally {
      const failed = await this.#faults.repairAll();
      if (failed.length > 0) this.#aborted ||= `not repaired: ${failed.join('; ')}`;
    }
    await this.#recover();
    await this.#load.stop();
  }

  /** The steady state, then payments for a while. */
  async #begin(): Promise<void> {
    const { view, state, steadySeconds, by, why } = this.#options;
    const { signal } = this.#abort;
    view.phase('checking the steady state');
    const problems = await waitUntilSteady(this.#watcher, state, STEADY_BEFORE_MS, signal);
    const away = this.#away().map(({ name }) => name);
    if (problems.length > 0) throw new AbortedDrill(`not steady: ${problems.join('; ')}`);
    if (away.length > 0) {
      throw new AbortedDrill(`${away.join(', ')}: not led at home; run "meridian failback" first`);
    }
    await recordDrill(this.#primaryOf(this.#target().book), {
      id: this.#id,
      scenario: this.#options.scenario.name,
      by,
      why,
      epoch: this.#watcher.leader(this.#target().bookName)?.epoch ?? 0,
    });
    this.#before = this.#leading();
    await this.#load.prepare();
    view.phase(`payments run for ${steadySeconds} s`);
    this.#load.start();
    await sleep(steadySeconds * 1_000, undefined, { signal });
    for (const { name } of state.regions) {
      const answered = this.#log.calls.filter(
        ({ home, acknowledged }) => home === name && acknowledged !== undefined,
      );
      this.#answeredBefore.set(name, answered.length);
    }
  }

  /** Runs the scenario, and aborts it when it harms other regions. */
  async #guarded(work: () => Promise<void>): Promise<void> {
    const healthy = this.#healthy();
    const untouched = this.#books.filter(({ home }) => healthy.includes(home));
    this.#radius = new BlastRadius(untouched, this.#clock.now());
    const guard = setInterval(() => {
      const harmed = this.#radius?.harmed(this.#clock.now()) ?? [];
      if (harmed.length === 0) return;
      const text = `no payment in ${harmed.join(', ')} for ${HARMED_AFTER_MS / 1_000} s`;
      this.#abort.abort(new AbortedDrill(text));
    }, 1_000);
    try {
      await work();
    } finally {
      clearInterval(guard);
    }
  }

  /** Waits until all is well again, and fails the books back. */
  async #recover(): Promise<void> {
    const { view, state, steadySeconds, signal } = this.#options;
    // An aborted drill waits as well, unless the operator stopped it.
    if (this.#timeline.injectedMs === undefined || signal.aborted) {
      this.#problems = await steadyProblems(this.#watcher, state);
      this.#untilMs = this.#clock.now();
      return;
    }
    const healedMs = this.#timeline.healedMs ?? this.#clock.now();
    try {
      view.phase('waiting until everything serves again');
      this.#problems = await waitUntilSteady(this.#watcher, state, STEADY_AFTER_MS, signal);
      if (this.#problems.length === 0) {
        this.#healedAfterMs = this.#clock.now() - healedMs;
        this.#mark('other', 'every book has all its copies again');
      }
      this.#timeline.end();
      await this.#bringHome();
      view.phase(`payments run for ${steadySeconds} s more`);
      await sleep(steadySeconds * 1_000, undefined, { signal });
    } catch (error) {
      this.#aborted ||= wordsOf(this.#abort.signal.aborted ? this.#abort.signal.reason : error);
    }
    this.#untilMs = this.#clock.now();
  }

  /** Fails the books back that are led elsewhere, and waits until all is well. */
  async #bringHome(): Promise<void> {
    const { view, state, by, why, signal } = this.#options;
    const onStep = (text: string) => view.phase(text);
    for (let attempt = 1; ; attempt += 1) {
      const regions = new Set(this.#away().map(({ home }) => home));
      if (regions.size === 0 && this.#problems.length === 0) return;
      try {
        for (const region of regions) {
          view.phase(`bringing the books of ${region} home`);
          await this.#operator.make({ kind: 'failback', region }, { by, why, onStep });
        }
      } catch (error) {
        if (attempt === FAILBACKS_MOST) throw error;
        view.phase(`not brought home yet: ${wordsOf(error)}`);
      }
      this.#problems = await waitUntilSteady(this.#watcher, state, STEADY_AFTER_MS, signal);
      if (attempt === FAILBACKS_MOST) return;
    }
  }

  async #prove(): Promise<DrillEvidence | null> {
    const { view, signal } = this.#options;
    if (this.#log.calls.length === 0 || signal.aborted) return null;
    try {
      return await collectEvidence({
        calls: this.#log.calls,
        namespace: this.#id,
        accounts: this.#load.accounts,
        members: this.#replicated.members,
        primaryOf: (book) => this.#awaitPrimary(book),
        clientOf: (region) => this.#load.client(region),
        epochs: this.#watcher.epochs,
        healedAfterMs: this.#healedAfterMs,
        signal,
        onStep: (text) => view.phase(text),
      });
    } catch (error) {
      this.#aborted ||= wordsOf(signal.aborted ? this.#abort.signal.reason : error);
      return null;
    }
  }

  async #report(evidence: DrillEvidence | null): Promise<DrillReport> {
    const { scenario, state, region, ratePerRegion, steadySeconds, by, why } = this.#options;
    const { calls } = this.#log;
    const span = { injectedMs: this.#timeline.injectedMs ?? 0, untilMs: this.#untilMs };
    const after = this.#leading();
    const broken = this.#timeline.injectedMs !== undefined;
    const affected = broken ? this.#affected() : [];
    const books = this.#books.map((book) =>
      measureBook(
        {
          ...book,
          affected: affected.includes(book),
          planned: scenario.limits.pauseMs !== undefined,
          before: this.#before.get(book.name),
          after: after.get(book.name),
        },
        calls,
        this.#watcher.sightings,
        span,
      ),
    );
    const collateral = this.#healthy().map((name) => measureCollateral(name, calls, span));
    const errors = calls.filter(({ trouble }) => trouble !== undefined).length;
    const checks = evidence
      ? checksOf({
          limits: scenario.limits,
          evidence,
          books,
          collateral,
          errors,
          before: this.#answeredBefore,
          problems: this.#problems,
          away: this.#away().map(({ name }) => name),
        })
      : [];
    const all = [...this.#checks, ...checks];
    return {
      format: 1,
      id: this.#id,
      scenario: scenario.name,
      hypothesis: scenario.hypothesis,
      breaks: scenario.breaks,
      steps: [...scenario.steps],
      abortConditions: [...ABORT_CONDITIONS, ...scenario.abortConditions],
      verdict: verdictOf(all, this.#aborted !== '' || evidence === null),
      aborted: this.#aborted,
      operator: by,
      why,
      startedAt: this.#clock.startedAt.toISOString(),
      endedAt: new Date().toISOString(),
      commit: await commitOf(),
      versions: await versionsOf(this.#replicated, this.#watcher),
      config: {
        region,
        'transfers a second and region': String(ratePerRegion),
        'seconds of steady load': String(steadySeconds),
        'accounts a region': String(ACCOUNTS_PER_REGION),
        'deadline of a call': `${CALL_DEADLINE_MS / 1_000} s`,
      },
      timeline: this.#timeline.marks.toSorted((a, b) => a.atMs - b.atMs),
      series: state.regions.map(({ name }) => seriesOf(name, calls)),
      books,
      collateral,
      evidence,
      checks: all,
      notTested: [...scenario.notTested],
      logs: [],
    };
  }

  #drill(): Drill {
    const { state, region, by, why, view } = this.#options;
    const { signal } = this.#abort;
    return {
      state,
      replicated: this.#replicated,
      region,
      target: this.#target(),
      books: this.#books,
      affected: this.#affected(),
      others: state.regions.map(({ name }) => name).filter((name) => name !== region),
      faults: this.#faults,
      operator: this.#operator,
      acting: { by, why, onStep: (text) => view.phase(text) },
      watcher: this.#watcher,
      load: this.#load,
      log: this.#log,
      clock: this.#clock,
      namespace: this.#id,
      signal,
      mark: (kind, text, about) => this.#mark(kind, text, about),
      check: (check) => this.#checks.push(check),
      pause: (ms) => sleep(ms, undefined, { signal }),
      until: (condition, timeoutMs) => until(condition, timeoutMs, signal),
    };
  }

  #mark(...[kind, text, about]: Parameters<Drill['mark']>): void {
    this.#timeline.mark(this.#clock.now(), kind, text, about);
  }

  #called(call: RecordedCall): void {
    this.#timeline.called(call, this.#nameOf(call.book));
    this.#radius?.called(call);
    this.#options.view.called(call);
  }

  /** The member in the broken region of the first book that is homed there. */
  #target(): MemberState {
    const { region } = this.#options;
    const found = this.#replicated.members.find(
      (member) => member.region === region && member.home === region,
    );
    if (found === undefined) throw new Error(`no book is homed in ${region}`);
    return found;
  }

  #primaryOf(book: number): MemberState | undefined {
    return this.#watcher
      .members()
      .find(({ member, patroni }) => member.book === book && patroni?.primary === true)?.member;
  }

  /** A busy machine answers late: that no primary answered a moment ago proves nothing. */
  async #awaitPrimary(book: number): Promise<MemberState | undefined> {
    const isThere = () => this.#primaryOf(book) !== undefined;
    await until(isThere, PRIMARY_MS, this.#options.signal);
    return this.#primaryOf(book);
  }

  #leading(): Map<string, Leading> {
    return new Map(
      this.#books.map(({ name }) => {
        const leader = this.#watcher.leader(name);
        return [name, leader && { region: leader.member.region, epoch: leader.epoch }];
      }),
    );
  }

  /** The books that are not led at home. */
  #away(): NamedBook[] {
    return this.#books.filter(
      ({ name, home }) => this.#watcher.leader(name)?.member.region !== home,
    );
  }

  /** The books whose leader the scenario takes or moves. */
  #affected(): NamedBook[] {
    const { scenario, region } = this.#options;
    switch (scenario.affected) {
      case 'all':
        return [...this.#books];
      case 'none':
        return [];
      case 'target':
        return this.#books.filter(({ number }) => number === this.#target().book);
      case 'led-there':
        return this.#books.filter(({ name }) => this.#before.get(name)?.region === region);
    }
  }

  #healthy(): RegionName[] {
    const { scenario, state, region } = this.#options;
    if (scenario.healthy === 'none') return [];
    const names = state.regions.map(({ name }) => name);
    return scenario.healthy === 'all' ? names : names.filter((name) => name !== region);
  }

  #nameOf(book: number): string {
    return this.#books.find(({ number }) => number === book)?.name ?? String(book);
  }
}

/** The books of an installation, by number. */
function booksOf({ members }: ReplicatedState): NamedBook[] {
  return members
    .filter(({ home, region }) => home === region)
    .map(({ book: number, bookName: name, home }) => ({ number, name, home }))
    .toSorted((a, b) => a.number - b.number);
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Returns false if the condition is not met in time. Throws when it is aborted. */
function until(
  condition: () => boolean | Promise<boolean>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const isMet = async () => (await condition()) && pWaitFor.resolveWith(true);
  const timeout = { milliseconds: timeoutMs, fallback: () => false };
  return pWaitFor(isMet, { interval: 50, timeout, signal });
}
