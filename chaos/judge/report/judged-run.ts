import { invariants } from '../checkers/all.ts';
import type { Verdict } from '../checkers/verdict.ts';
import { listOf, type Operation, type Operations } from '../history/operation.ts';
import type { RunHistory } from '../history/read-history.ts';

/** A finished and judged run: the data of its reports. */
export interface JudgedRun {
  readonly history: RunHistory;
  /** By the name of the invariant, such as I1. */
  readonly verdicts: ReadonlyMap<string, Verdict>;
  /** Why the final reads are not complete, one sentence each. */
  readonly missing: readonly string[];
  /** Nemeses that could not run here, with their place in the catalogue and the reason. */
  readonly notRun: readonly {
    readonly name: string;
    readonly place: string;
    readonly why: string;
  }[];
  readonly endedAt: string;
  /** Files with the details. */
  readonly logs: readonly string[];
}

export type VerdictState = Verdict['state'];

/**
 * The verdict of a run: a single violation convicts; a run that was not judged has shown nothing.
 */
export function verdictOf({ verdicts }: Pick<JudgedRun, 'verdicts'>): VerdictState {
  const states = new Set([...verdicts.values()].map(({ state }) => state));
  if (states.has('fail')) return 'fail';
  return states.has('unknown') || states.size === 0 ? 'unknown' : 'pass';
}

/** Whether the operator ended it before its time. It is judged all the same. */
export function isStopped({ history: { facts } }: Pick<JudgedRun, 'history'>): boolean {
  return facts.some(({ fact }) => fact === 'stopped');
}

/** An invariant in a sentence. */
export function sentenceOf(name: string): string {
  const sentences: Readonly<Record<string, string>> = invariants;
  return sentences[name] ?? name;
}

/** All operations, list by list; in no meaningful order. */
export function operationLists({ operations }: RunHistory): readonly (readonly Operation[])[] {
  const { transfers, changes, opens, balances, statements, pages, lookUps } = operations;
  return [transfers, changes, opens, balances, statements, pages, lookUps];
}

/** Whether an operation belongs to a list, and so has the requests and replies of that list. */
export function isOf<L extends keyof Operations>(
  list: L,
  operation: Operation,
): operation is Operations[L][number] {
  return listOf[operation.f] === list;
}

/** The time of the last event of the history, in nanoseconds since the run began. */
export function endOf(history: RunHistory): number {
  let end = 0;
  const see = (ns: number) => {
    if (ns > end && ns !== Infinity) end = ns;
  };
  for (const list of operationLists(history)) {
    for (const { invokedNs, returnedNs } of list) {
      see(invokedNs);
      see(returnedNs);
    }
  }
  for (const { startedNs, endedNs } of history.faults) {
    see(startedNs);
    see(endedNs);
  }
  for (const { ns } of [...history.epochs, ...history.phases]) see(ns);
  return end;
}

/** Options of the run, and the name that each has as an option of the command. */
const OPTIONS_OF_COMMAND = {
  profile: 'profile',
  minutes: 'minutes',
  workload: 'workload',
  nemesis: 'nemesis',
  bug: 'bug',
  partitionRows: 'partition-rows',
} as const;

/** The command that repeats the run, as far as the seed determines it. */
export function replayCommand({ header }: RunHistory): string {
  const chosen = Object.entries(OPTIONS_OF_COMMAND).flatMap(([option, name]) => {
    const value = header.options[option];
    const names = Array.isArray(value) ? value.join(',') : undefined;
    const text = names === '' ? 'none' : (names ?? value);
    // A value that is not a plain word was not typed like this.
    const isWord = (typeof text === 'string' || typeof text === 'number') && WORD.test(`${text}`);
    return isWord ? [` --${name} ${text}`] : [];
  });
  return `npm run chaos -- --seed ${header.seed}${chosen.join('')}`;
}

const WORD = /^[\w.,-]+$/u;
