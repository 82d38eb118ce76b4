import { createReadStream } from 'node:fs';
import { listOf, noOperations, type Operation, type Operations } from './operation.ts';
import type {
  EpochRecord,
  FactRecord,
  Harm,
  HistoryHeader,
  HistoryRecord,
  NemesisRecord,
  OperationRecord,
  PhaseRecord,
} from './record.ts';
import { readValue } from './value.ts';

/** A fault from its start to its end; `endedNs` is Infinity if it was never ended. */
export interface FaultSpan {
  readonly what: string;
  readonly targets: readonly string[];
  readonly harms: readonly Harm[];
  readonly startedNs: number;
  readonly endedNs: number;
}

export interface RunHistory {
  readonly header: HistoryHeader;
  readonly operations: Operations;
  readonly faults: readonly FaultSpan[];
  readonly epochs: readonly EpochRecord[];
  readonly phases: readonly PhaseRecord[];
  readonly facts: readonly FactRecord[];
  /** True: it is truncated, so that operations may be missing. */
  readonly isTorn: boolean;
}

/**
 * Reads a history. A truncated last line is skipped and reported.
 *
 * Throws Error with the line's number when another line is not a valid record.
 */
export async function readHistory(path: string): Promise<RunHistory> {
  const builder = new HistoryBuilder();
  let number = 0;
  let torn: number | undefined;
  const take = (line: string) => {
    number += 1;
    if (torn !== undefined) throw new Error(`${path}:${torn} is not a record of a history`);
    try {
      const record: HistoryRecord = JSON.parse(line);
      builder.add(record);
    } catch (error) {
      if (!(error instanceof SyntaxError)) {
        throw new Error(`${path}:${number}: ${String(error)}`, { cause: error });
      }
      torn = number;
    }
  };
  let rest = '';
  for await (const chunk of textOf(path)) {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(line);
  }
  if (rest !== '') take(rest);
  return builder.build(torn !== undefined);
}

/** Uses large chunks, for a history may have millions of lines. */
function textOf(path: string): AsyncIterable<string> {
  return createReadStream(path, { encoding: 'utf8', highWaterMark: 1 << 20 });
}

type Written = { -readonly [K in keyof Operation]: Operation[K] };
type WrittenSpan = { -readonly [K in keyof FaultSpan]: FaultSpan[K] };

/** Builds a history from records, in their order. */
export class HistoryBuilder {
  readonly #operations = noOperations();
  readonly #open = new Map<number, Written>();
  readonly #faults = new Map<number, WrittenSpan>();
  readonly #epochs: EpochRecord[] = [];
  readonly #phases: PhaseRecord[] = [];
  readonly #facts: FactRecord[] = [];
  #header: HistoryHeader | undefined;

  /** Adds a record. Throws Error when it does not fit those before it. */
  add(record: HistoryRecord): void {
    switch (record.kind) {
      case 'header':
        this.#header = record;
        break;
      case 'op':
        if (record.type === 'invoke') this.#invoke(record);
        else this.#complete(record, record.type);
        break;
      case 'nemesis':
        this.#nemesis(record);
        break;
      case 'epoch':
        this.#epochs.push(record);
        break;
      case 'phase':
        this.#phases.push(record);
        break;
      case 'fact':
        this.#facts.push(record);
        break;
      default:
        throw new Error(`there are no records of kind ${JSON.stringify(record)}`);
    }
  }

  /** Returns the history. Throws Error without a header. */
  build(isTorn: boolean): RunHistory {
    if (this.#header === undefined) throw new Error('the history has no header');
    return {
      header: this.#header,
      operations: this.#operations,
      faults: [...this.#faults.values()],
      epochs: this.#epochs,
      phases: this.#phases,
      facts: this.#facts,
      // `end` is the last phase of a run that was not cut short.
      isTorn: isTorn || this.#phases.at(-1)?.phase !== 'end',
    };
  }

  #invoke({ index, f, process, router, value, ns }: OperationRecord): void {
    if (!(f in listOf)) throw new Error(`there are no operations called ${f}`);
    if (this.#open.has(process)) throw new Error(`process ${process} has two calls at once`);
    const operation: Written = {
      index,
      f,
      process,
      router,
      value: readValue(f, value),
      invokedNs: ns,
      completedNs: Infinity,
      returnedNs: Infinity,
      type: 'info',
      reply: null,
      fault: null,
    };
    this.#open.set(process, operation);
    (this.#operations[listOf[f]] as Operation[]).push(operation);
  }

  #complete({ process, f, ns, reply, fault }: OperationRecord, type: Operation['type']): void {
    const operation = this.#open.get(process);
    if (operation?.f !== f) throw new Error(`process ${process} has no open ${f}`);
    // After `info` it stays open, so that a later call of the same process is detected.
    if (type !== 'info') {
      this.#open.delete(process);
      operation.completedNs = ns;
    }
    operation.returnedNs = ns;
    operation.type = type;
    operation.reply = reply ?? null;
    operation.fault = fault ?? null;
  }

  #nemesis({ id, type, what, targets, harms, ns }: NemesisRecord): void {
    if (type === 'start') {
      this.#faults.set(id, { what, targets, harms, startedNs: ns, endedNs: Infinity });
      return;
    }
    const span = this.#faults.get(id);
    if (span === undefined) throw new Error(`fault ${id} ends, but never began`);
    span.endedNs = ns;
  }
}
