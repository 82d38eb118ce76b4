import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { countOf } from '../../regions/report/quantities.ts';
import { LEDGER_BUGS } from './ledger-bugs.ts';
import { DELIBERATE_BUGS, isSimulatedBug } from './simulated-bug.ts';
import { runSeeds } from './seed-threads.ts';
import type { SimulationResult } from './simulation.ts';

const HELP = `Runs Meridian's ledger in virtual time, in one process: its leader, take-over and settlement
between books on a simulated network, simulated databases and simulated clocks that break.

  node chaos/simulation/main.ts [options]

  --seeds N      number of seeds to run (default 200)
  --from N       the first seed (default 1)
  --seed N       run a single seed
  --trace        print what happens, event by event (with --seed)
  --threads N    number of seeds at the same time (default: one per processor)
  --bug NAME     inject a deliberate bug: ${[...Object.keys(DELIBERATE_BUGS), ...LEDGER_BUGS.map(({ name }) => name)].join(', ')}
  --json         one JSON line for each seed with a violation, and one for the total
  --help

Exit code: 0 no violation, 1 a violation, 2 wrong options. The same seed gives the same history.
`;

const print = (text: string) => process.stdout.write(`${text}\n`);

function refuse(why: string): never {
  process.stderr.write(`${why}\n`);
  process.exit(2);
}

/** JSON has no numbers for bigints. */
const asJson = (value: unknown) =>
  JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? String(item) : item));

function options() {
  try {
    return parseArgs({
      options: {
        seeds: { type: 'string' },
        from: { type: 'string' },
        seed: { type: 'string' },
        threads: { type: 'string' },
        trace: { type: 'boolean', default: false },
        bug: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

const values = options();

function numberOf(name: 'seed' | 'from' | 'seeds' | 'threads'): number | undefined {
  const text = values[name];
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!/^\d+$/u.test(text) || !Number.isSafeInteger(number))
    refuse(`--${name} must be a whole number`);
  return number;
}

if (values.help) {
  print(HELP);
  process.exit(0);
}
const { bug: bugName, json, seed } = values;
const ledgerBug = LEDGER_BUGS.find(({ name }) => name === bugName);
if (seed !== undefined && (values.seeds ?? values.from) !== undefined) {
  refuse('--seed runs a single seed: leave out --seeds and --from');
}
if (values.trace && seed === undefined) refuse('--trace needs --seed');
const first = numberOf('seed') ?? numberOf('from') ?? 1;
const count = seed === undefined ? (numberOf('seeds') ?? 200) : 1;
const threads = Math.min(numberOf('threads') ?? availableParallelism(), count);
if (count < 1 || threads < 1) refuse('--seeds and --threads must be at least 1');
const bug = bugName !== undefined && isSimulatedBug(bugName) ? bugName : undefined;
if (bugName !== undefined && bug === undefined && ledgerBug === undefined)
  refuse(`there is no bug ${bugName}`);

const totals = {
  seeds: 0,
  violated: 0,
  operations: 0,
  rows: 0,
  plainRows: 0,
  partitions: 0,
  unknown: 0,
  takeOvers: 0,
  events: 0,
};
const faults: Record<string, number> = {};
const invariants: Record<string, number> = {};
const began = performance.now();
let progressAt = began;

function take(result: SimulationResult): void {
  totals.seeds += 1;
  totals.operations += result.operations;
  totals.rows += result.rows;
  totals.plainRows += result.plainRows;
  totals.partitions += result.partitions;
  totals.unknown += result.unknown;
  totals.takeOvers += result.takeOvers;
  totals.events += result.events;
  for (const [kind, times] of Object.entries(result.faults)) {
    faults[kind] = (faults[kind] ?? 0) + times;
  }
  for (const line of result.trace) print(line);
  if (seed !== undefined && !json) {
    print(`seed ${result.seed}: ${asJson(result.swarm)}\ndigest ${result.digest}`);
  }
  if (result.violations.length > 0) printViolations(result);
  if (!process.stderr.isTTY || performance.now() - progressAt < 500) return;
  progressAt = performance.now();
  process.stderr.write(
    `\r${totals.seeds} of ${countOf(count, 'seed')}, ${totals.violated} with a violation `,
  );
}

function printViolations({ seed: failed, violations, swarm, digest }: SimulationResult): void {
  totals.violated += 1;
  for (const invariant of new Set(violations.map((one) => one.invariant))) {
    invariants[invariant] = (invariants[invariant] ?? 0) + 1;
  }
  if (json) {
    print(asJson({ seed: failed, violations, swarm, digest }));
    return;
  }
  for (const { invariant, what, evidence } of violations.slice(0, 5)) {
    print(`seed ${failed}: ${invariant}: ${what}`);
    for (const line of evidence) print(`    ${line}`);
  }
}

const seeds = Array.from({ length: count }, (_, index) => first + index);
await runSeeds(seeds, threads, { trace: values.trace, bug }, take, ledgerBug);

const perMinute = Math.round((totals.seeds / (performance.now() - began)) * 60_000);
if (process.stderr.isTTY) process.stderr.write('\r');
if (json) {
  print(asJson({ ...totals, perMinute, faults, invariants }));
} else {
  print(
    `${countOf(totals.seeds, 'seed')}, ${countOf(totals.operations, 'key')}, ` +
      `${countOf(totals.rows, 'row')}, ${totals.plainRows} of them plain, ` +
      `${countOf(totals.partitions, 'partition')}, ` +
      `${countOf(totals.unknown, 'unknown outcome')} asked again, ` +
      `${countOf(totals.takeOvers, 'take-over')}, ${countOf(totals.events, 'event')}, ` +
      `${countOf(perMinute, 'seed')} a minute`,
  );
  print(`faults: ${asJson(faults)}`);
  print(totals.violated === 0 ? 'no violation' : `violations: ${asJson(invariants)}`);
}
process.exitCode = totals.violated === 0 ? 0 : 1;
