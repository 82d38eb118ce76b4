import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** The processor use by process, in cores, over a period. */
export interface ProcessorUse {
  readonly seconds: number;
  /** By the name that was given to a process, its descendants included. Empty if not known. */
  readonly cores: Readonly<Record<string, number>>;
  /** What everything else on the machine used: the noise that the figures were taken in. */
  readonly otherCores: number | undefined;
}

/** Processor time in seconds by the name of a process, over a period. */
export type ProcessorSeconds = ReadonlyMap<string, number>;

/** Linux counts in hundredths of a second, whatever its own clock is. */
const TICKS_PER_SECOND = 100;

interface Sample {
  readonly atMs: number;
  /** Of the whole machine, in seconds. */
  readonly busy: number;
  /** By name, in seconds. */
  readonly used: ReadonlyMap<string, number>;
}

/** Watches processes from its making on. */
export class ProcessorWatch {
  readonly #pids: ReadonlyMap<string, number>;
  readonly #begun: Sample;

  /** @param pids by the names to report them under */
  constructor(pids: ReadonlyMap<string, number>) {
    this.#pids = pids;
    this.#begun = sample(pids);
  }

  /** The processor time since its making, in seconds; empty where it is not known. */
  seconds(): ProcessorSeconds {
    const now = usedBy(this.#pids);
    return new Map(
      [...now].map(([name, used]) => [name, used - (this.#begun.used.get(name) ?? 0)]),
    );
  }

  /** The use since its making. */
  use(): ProcessorUse {
    const now = sample(this.#pids);
    const seconds = (now.atMs - this.#begun.atMs) / 1_000;
    const cores: Record<string, number> = {};
    let ours = 0;
    for (const [name, used] of now.used) {
      const share = (used - (this.#begun.used.get(name) ?? 0)) / seconds;
      cores[name] = rounded(share);
      ours += share;
    }
    const all = (now.busy - this.#begun.busy) / seconds;
    const otherCores = now.used.size > 0 ? rounded(Math.max(0, all - ours)) : undefined;
    return { seconds: rounded(seconds), cores, otherCores };
  }
}

const rounded = (value: number) => Math.round(value * 100) / 100;

function sample(pids: ReadonlyMap<string, number>): Sample {
  let busy = 0;
  for (const { times } of cpus()) busy += times.user + times.nice + times.sys + times.irq;
  return { atMs: performance.now(), busy: busy / 1_000, used: usedBy(pids) };
}

/** Seconds of processor time by name; empty where the system has no files of it. */
function usedBy(pids: ReadonlyMap<string, number>): Map<string, number> {
  const all = readProcesses();
  const used = new Map<string, number>();
  if (all.size === 0) return used;
  const names = new Map([...pids].map(([name, pid]) => [pid, name]));
  for (const [pid, { ticks }] of all) {
    const name = nameOf(pid, all, names);
    if (name === undefined) continue;
    used.set(name, (used.get(name) ?? 0) + ticks / TICKS_PER_SECOND);
  }
  return used;
}

interface ProcessTimes {
  readonly parent: number;
  readonly ticks: number;
}

/** The name of the nearest process up the tree that has one. */
function nameOf(
  pid: number,
  all: ReadonlyMap<number, ProcessTimes>,
  names: ReadonlyMap<number, string>,
): string | undefined {
  for (let at = pid; at > 1; at = all.get(at)?.parent ?? 0) {
    const name = names.get(at);
    if (name !== undefined) return name;
  }
  return undefined;
}

function readProcesses(): Map<number, ProcessTimes> {
  const found = new Map<number, ProcessTimes>();
  let pids: string[];
  try {
    pids = readdirSync('/proc').filter((name) => /^\d+$/u.test(name));
  } catch {
    return found;
  }
  for (const pid of pids) {
    try {
      const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
      // The command's name is in parentheses and may itself contain spaces and parentheses.
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
      // Its own time, then that of its children that have ended: Postgres has many that are short.
      const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
      found.set(Number(pid), { parent: Number(fields[1]), ticks });
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}
