import { checkout } from '../../regions/topology/layout.ts';
import { note } from '../../regions/terminal/print.ts';
import { readRevision } from '../measure/machine.ts';
import type { PartName, ProfileName } from '../profile.ts';
import { runChild } from './child-run.ts';
import { type ComparedPart, comparedParts, incomparable } from './compared-figures.ts';
import { compareRounds, type Comparison, type Incomparable, type Round } from './comparison.ts';
import { type RunFigures, together } from './run-figures.ts';
import { Worktree } from './worktree.ts';

export interface CompareOptions {
  /** Reference of the earlier commit; undefined: this checkout without TLS. */
  readonly against: string | undefined;
  readonly rounds: number;
  readonly profile: ProfileName;
  readonly parts: readonly PartName[];
  /** More arguments of each run, such as the size of part i. */
  readonly sizes: readonly string[];
  /** Used by both, one after the other. */
  readonly dataDir: string;
  /** The first of 31 ports; used by both. */
  readonly basePort: number;
  readonly signal: AbortSignal;
}

/**
 * Measures an earlier commit and this checkout in turns, each on an installation of its own that is
 * gone when the other one's begins, so that both are never on the machine at once, and what else
 * happens there touches both alike. The second of two runs is slower, by 8 % in part d where a
 * commit was compared with itself, so every other round begins with this checkout.
 *
 * Both are measured by the generator of this checkout through the public API. Only part a, which
 * calls functions of the ledger, is measured by each commit's own benchmark.
 *
 * @throws Error if it cannot be measured, or if it was stopped
 */
export async function compareCommits(options: CompareOptions): Promise<Comparison> {
  const startedAt = new Date();
  const worktree =
    options.against === undefined ? undefined : new Worktree(checkout, options.against);
  // However this process ends, also by a second Ctrl-C.
  const remove = () => worktree?.remove();
  process.once('exit', remove);
  try {
    const { packagesDiffer, commit: against } = worktree ?? WITHOUT_TLS;
    if (packagesDiffer) {
      note(`package-lock.json of ${against} differs: both run on the packages of this checkout`);
    }
    const revision = readRevision();
    const before =
      worktree === undefined
        ? { name: against, servers: checkout, flags: ['--insecure'] }
        : { name: against, servers: worktree.path, flags: [] };
    const turns = new Turns(options, before);
    await turns.run();
    return {
      startedAt: startedAt.toISOString(),
      seconds: Math.round((Date.now() - startedAt.getTime()) / 1_000),
      profile: options.profile,
      against,
      ...revision,
      packagesDiffer,
      figures: compareRounds(turns.parts, turns.rounds),
      incomparable: turns.incomparable,
      findings: turns.findings,
    };
  } finally {
    process.removeListener('exit', remove);
    remove();
  }
}

const WITHOUT_TLS = { packagesDiffer: false, commit: 'insecure' };

/** What this checkout is compared with. */
interface Before {
  readonly name: string;
  /** Folder of the checkout whose servers are measured. */
  readonly servers: string;
  /** More arguments of its runs. */
  readonly flags: readonly string[];
}

/** The rounds of one comparison. */
class Turns {
  readonly rounds: Round[] = [];
  readonly incomparable: Incomparable[] = [];
  findings: readonly string[] = [];
  /** Those that are still compared. */
  parts: readonly ComparedPart[];
  readonly #options: CompareOptions;
  readonly #before: Before;

  constructor(options: CompareOptions, before: Before) {
    this.#options = options;
    this.#before = before;
    this.parts = comparedParts.filter((part) => options.parts.includes(part));
    for (const [part, reason] of Object.entries(incomparable)) {
      if (options.parts.some((name) => name === part)) this.incomparable.push({ part, reason });
    }
  }

  /** Void figures of this checkout end it: the next run would delete the data that explains them. */
  async run(): Promise<void> {
    const { rounds } = this.#options;
    while (this.rounds.length < rounds && this.parts.length > 0) {
      const place = `round ${this.rounds.length + 1} of ${rounds}`;
      const runs: Partial<Record<keyof Round, RunFigures>> = {};
      for (const which of orderOf(this.rounds.length)) {
        note(`${place}: ${which === 'now' ? 'this checkout' : this.#before.name}`);
        runs[which] = await this.#measure(which);
        if (which === 'before') this.#leaveOut(runs.before?.findings ?? []);
        else this.findings = this.#compared(runs.now?.findings ?? []);
        if (this.findings.length > 0) return;
      }
      const { before, now } = runs;
      if (before === undefined || now === undefined) throw new Error('a round measures both');
      this.rounds.push({ before, now });
    }
  }

  /** The bare loop by each commit's own benchmark, the rest by that of this checkout. */
  async #measure(which: keyof Round): Promise<RunFigures> {
    const { profile, sizes, dataDir, basePort, signal } = this.#options;
    const { servers, flags } = which === 'now' ? { servers: checkout, flags: [] } : this.#before;
    const place = ['--data', dataDir, '--port', String(basePort), '--no-save'];
    const common = ['--profile', profile, ...place, ...flags];
    let run: RunFigures = { figures: {}, findings: [] };
    if (this.parts.includes('a')) {
      run = together(run, await this.#ownLoop(servers, [...common, '--only', 'a']));
    }
    const routed = this.parts.filter((part) => part !== 'a').join(',');
    if (routed === '') return run;
    const args = [...common, ...sizes, '--only', routed, '--servers', servers];
    return together(run, await runChild(checkout, args, signal));
  }

  /** A commit may be too old to have a benchmark that understands what it is asked. */
  async #ownLoop(servers: string, args: readonly string[]): Promise<RunFigures> {
    const { signal } = this.#options;
    try {
      return await runChild(servers, args, signal);
    } catch (error) {
      if (signal.aborted || servers === checkout) throw error;
      const why = error instanceof Error ? error.message : String(error);
      return { figures: {}, findings: [`a: its own benchmark does not measure it: ${why}`] };
    }
  }

  /** Findings of parts that are still compared. */
  #compared(findings: readonly string[]): string[] {
    return findings.filter((finding) => this.parts.some((part) => finding.startsWith(`${part}: `)));
  }

  /** What the earlier commit cannot do is not compared. */
  #leaveOut(findings: readonly string[]): void {
    for (const part of this.parts) {
      const reason = findings.find((finding) => finding.startsWith(`${part}: `));
      if (reason === undefined) continue;
      const why = `${this.#before.name} has ${reason.slice(part.length + 2)}`;
      note(`   ${part} is not compared: ${why}`);
      this.incomparable.push({ part, reason: why });
      this.parts = this.parts.filter((each) => each !== part);
    }
  }
}

/** The order of a round, counted from zero. */
function orderOf(round: number): readonly (keyof Round)[] {
  return round % 2 === 0 ? ['before', 'now'] : ['now', 'before'];
}
