import type { RegionName } from '../topology/layout.ts';
import type { RecordedCall } from './load/call-log.ts';
import type { MarkKind, TimelineMark } from './report.ts';
import type { Sighting } from './watcher.ts';

/** The marks of a drill in the order in which they were made. */
export class Timeline {
  readonly marks: TimelineMark[] = [];
  readonly #onMark: (mark: TimelineMark) => void;
  readonly #detected = new Set<string>();
  /** The newest epoch that has acknowledged something, by number of its book. */
  readonly #acknowledged = new Map<number, number>();
  #over = false;

  constructor(onMark: (mark: TimelineMark) => void) {
    this.#onMark = onMark;
  }

  /** When the fault was injected; undefined: it was not. */
  get injectedMs(): number | undefined {
    return this.marks.find(({ kind }) => kind === 'injected')?.atMs;
  }

  /** When the last fault was repaired. */
  get healedMs(): number | undefined {
    return this.marks.findLast(({ kind }) => kind === 'healed')?.atMs;
  }

  /** Later marks are no longer the system's response to the fault. */
  end(): void {
    this.#over = true;
  }

  mark(
    atMs: number,
    kind: MarkKind,
    text: string,
    about: { readonly book?: string; readonly region?: RegionName } = {},
  ): void {
    const mark = { atMs, kind, text, ...about };
    this.marks.push(mark);
    this.#onMark(mark);
  }

  /** An observation from outside; what was true before the fault makes no mark. */
  saw(sighting: Sighting): void {
    if (this.injectedMs === undefined) return;
    const { atMs, kind, book, region, epoch } = sighting;
    if (kind === 'unlocked') {
      if (this.#detected.has(book) || this.#over) return;
      this.#detected.add(book);
      this.mark(atMs, 'detected', `Patroni knows that ${book} has no leader`, { book });
    } else if (kind === 'primary') {
      const text = `Postgres in ${region} takes the writes of ${book}`;
      this.mark(atMs, this.#over ? 'other' : 'promoted', text, { book, region });
    } else {
      const text = `${region} leads ${book} in epoch ${epoch}, older epochs are fenced`;
      this.mark(atMs, this.#over ? 'other' : 'fenced', text, { book, region });
    }
  }

  /** A call has ended: perhaps it is the first good write of a new epoch. */
  called({ acknowledged, endedAtMs }: RecordedCall, bookName: string): void {
    if (acknowledged === undefined || acknowledged.replayed) return;
    const { book, epoch } = acknowledged;
    const before = this.#acknowledged.get(book);
    if (before !== undefined && before >= epoch) return;
    this.#acknowledged.set(book, epoch);
    if (before === undefined || this.injectedMs === undefined) return;
    const text = `first payment acknowledged in epoch ${epoch} of ${bookName}`;
    const kind = this.#over ? 'other' : 'first-good-write';
    this.mark(endedAtMs, kind, text, { book: bookName });
  }
}
