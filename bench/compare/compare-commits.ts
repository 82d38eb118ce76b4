import { checkout } from '../../regions/topology/layout.ts';
import { note } from '../../regions/terminal/print.ts';
import { readRevision } from '../measure/machine.ts';
import type { ProfileName } from '../profile.ts';
import { runChild } from './child-run.ts';
import { compareRounds, type Comparison, type Round } from './comparison.ts';
import type { ComparedPart, RunFigures } from './run-figures.ts';
import { Worktree } from './worktree.ts';

export interface CompareOptions {
  /** Reference of the earlier commit. */
  readonly against: string;
  readonly rounds: number;
  readonly profile: ProfileName;
  readonly parts: readonly ComparedPart[];
  /** Used by both, one after the other. */
  readonly dataDir: string;
  /** The first of 31 ports; used by both. */
  readonly basePort: number;
  readonly signal: AbortSignal;
}

/**
 * Measures an earlier commit and this checkout in turns. Each runs its own benchmark on an
 * installation of its own that is gone when the other one's begins, so that both are never on
 * the machine at once, and what else happens there touches both alike. The second of two runs is
 * slower, by 8 % in part d where a commit was compared with itself, so every other round begins
 * with this checkout.
 *
 * @throws Error if it cannot be measured, or if it was stopped
 */
export async function compareCommits(options: CompareOptions): Promise<Comparison> {
  const startedAt = new Date();
  const worktree = new Worktree(checkout, options.against);
  // However this process ends, also by a second Ctrl-C.
  const remove = () => worktree.remove();
  process.once('exit', remove);
  try {
    const { packagesDiffer, commit: against } = worktree;
    if (packagesDiffer) {
      note(`package-lock.json of ${against} differs: both run on the packages of this checkout`);
    }
    const revision = readRevision();
    const { rounds, findings } = await measureRounds(options, worktree);
    return {
      startedAt: startedAt.toISOString(),
      seconds: Math.round((Date.now() - startedAt.getTime()) / 1_000),
      profile: options.profile,
      against,
      ...revision,
      packagesDiffer,
      parts: compareRounds(options.parts, rounds),
      findings,
    };
  } finally {
    process.removeListener('exit', remove);
    remove();
  }
}

/** Void figures end it: the next run would delete the data that explains them. */
async function measureRounds(
  options: CompareOptions,
  worktree: Worktree,
): Promise<{ readonly rounds: Round[]; readonly findings: readonly string[] }> {
  const { profile, parts, dataDir, basePort, signal } = options;
  const settings = ['--profile', profile, '--only', parts.join(',')];
  const args = [...settings, '--data', dataDir, '--port', String(basePort)];
  const rounds: Round[] = [];
  while (rounds.length < options.rounds) {
    const place = `round ${rounds.length + 1} of ${options.rounds}`;
    const runs: Partial<Record<keyof Round, RunFigures>> = {};
    for (const which of orderOf(rounds.length)) {
      const isNow = which === 'now';
      note(`${place}: ${isNow ? 'this checkout' : worktree.commit}`);
      const run = isNow
        ? await runChild(checkout, [...args, '--no-save'], signal)
        : await runChild(worktree.path, args, signal);
      if (run.findings.length > 0) return { rounds, findings: run.findings };
      runs[which] = run;
    }
    const { before, now } = runs;
    if (before === undefined || now === undefined) throw new Error('a round measures both');
    rounds.push({ before, now });
  }
  return { rounds, findings: [] };
}

/** The order of a round, counted from zero. */
function orderOf(round: number): readonly (keyof Round)[] {
  return round % 2 === 0 ? ['before', 'now'] : ['now', 'before'];
}
