import { must } from '../../core/assert.ts';
import type { PlainColumns } from '../../core/plain/plain-columns.ts';
import { PLAIN_AT, PLAIN_ROW_BYTES } from '../../core/row-bytes.ts';
import type { Append } from '../../store/append-batch.ts';
import type { Partition, SeqBounds, SuspectId } from '../../store/partition-store.ts';
import { FilterGroup, hashBytes, hashedTime, hashText, hashWords } from './id-filter.ts';
import { KeyTimes } from './key-times.ts';

/** Seqs of one filter: a larger partition has several. */
export const SEGMENT_SEQS = 1_048_576;

/** A run of seqs of one partition, with the filter of its ids. */
export interface Segment {
  readonly partition: number;
  readonly first: number;
  readonly end: number;
  readonly place: Place;
  readonly bit: number;
  readonly times: KeyTimes;
  /** False: rows may be missing from the filter, so that the journal itself must be asked. */
  complete: boolean;
  /** True: the filter is in the database. */
  stored: boolean;
}

/** What the filters have shown of the ids of a work before it was posted. */
export interface Absence {
  /** Every row up to this seq was in a filter. */
  readonly seq: number;
  /** Places of the ids that one of those rows may have, in ascending order. */
  readonly doubtful: readonly number[];
}

/** The rows of a batch, and where the journal ends before it. */
export type BatchRows = Pick<Append, 'plain' | 'rows'> & {
  readonly head: Pick<Append['head'], 'seqBefore' | 'seqAfter' | 'atMicros'>;
};

/** A group of filters, and its segments by their bit. */
interface Place {
  readonly group: FilterGroup;
  readonly segments: Segment[];
  /** The latest of the times of its segments. */
  latest: number;
  /** The same of this group and all before it. */
  upTo: number;
}

/**
 * The ids of a journal's rows, as filters in the memory of its leader. An id is unique in its
 * partition by an index of that; that it is in no other partition is checked here.
 *
 * An id that says when it was made, as a UUID of version 7 does, is looked for only in filters with
 * an id that was made as late: in the newest, however many there are. Others are looked for in all.
 */
export class JournalIds {
  #segments: Segment[] = [];
  /** In the order in which they were begun. */
  readonly #groups: Place[] = [];
  /** Times of single ids that were ahead of the clock. */
  readonly #ahead = new Set<number>();
  #incomplete: Segment[] = [];
  /** Of the last row that was added. */
  #seq = 0;
  /** Where the segment lies that was added to last. */
  #newest: Segment | undefined;

  get segments(): readonly Segment[] {
    return this.#segments;
  }

  /** Takes the partitions up that it does not have yet. They are without rows, or incomplete. */
  extend(partitions: readonly Partition[], seq: number): void {
    const known = this.#segments.at(-1)?.end ?? 0;
    this.#seq = Math.max(this.#seq, seq);
    for (const { first, end } of partitions) {
      if (first < known) continue;
      for (let from = first; from < end; from += SEGMENT_SEQS) {
        this.#add({ partition: first, first: from, end: Math.min(from + SEGMENT_SEQS, end) }, seq);
      }
    }
    // A group that was begun has those before it.
    this.#sumTimes();
  }

  #add({ partition, first, end }: Pick<Segment, 'partition' | 'first' | 'end'>, seq: number): void {
    const room = end - first;
    // The system gives the memory of a group as ids are added.
    let place = this.#groups.find(({ group }) => group.room === room && !group.full);
    if (place === undefined) {
      place = { group: new FilterGroup(room), segments: [], latest: -1, upTo: -1 };
      this.#groups.push(place);
    }
    const bit = place.group.take();
    // What is appended from now on is added.
    const complete = first > seq;
    const bounds = { partition, first, end };
    const times = new KeyTimes();
    const segment: Segment = { ...bounds, place, bit, times, complete, stored: false };
    place.segments.push(segment);
    this.#segments.push(segment);
    if (!complete) this.#incomplete.push(segment);
  }

  /** All rows of a segment are in its filter. */
  completed(segment: Segment): void {
    segment.complete = true;
    this.#incomplete = this.#incomplete.filter((other) => other !== segment);
    // Its times may have been restored, and not added here.
    const { place, times } = segment;
    place.latest = Math.max(place.latest, times.latest);
    for (const time of times.ahead) this.#ahead.add(time);
    this.#sumTimes();
  }

  /** Adds the rows of a batch that has been committed. */
  addBatch({ plain, rows, head }: BatchRows): void {
    const now = head.atMicros / 1_000;
    const { bytes, count } = plain ?? NO_ROWS;
    for (let index = 0; index < count; index += 1) {
      hashBytes(bytes, index * PLAIN_ROW_BYTES + PLAIN_AT.id);
      this.#addHashed(this.#segmentOf(head.seqBefore + 1 + index), now);
    }
    for (const { id, seq } of rows) {
      hashText(id);
      this.#addHashed(this.#segmentOf(seq), now);
    }
    this.#seq = Math.max(this.#seq, head.seqAfter);
    this.#sumTimes();
  }

  /**
   * Adds rows of a segment that is not complete, 16 bytes each.
   * @param now in milliseconds since 1970
   */
  addBytes(segment: Segment, ids: Buffer, now: number): void {
    for (let at = 0; at + 16 <= ids.length; at += 16) {
      hashBytes(ids, at);
      this.#addHashed(segment, now);
    }
  }

  /** Adds the id that was hashed last. */
  #addHashed({ place, bit, times }: Segment, now: number): void {
    place.group.add(bit);
    const time = hashedTime();
    if (times.add(time, now)) this.#ahead.add(time);
    if (times.latest > place.latest) place.latest = times.latest;
  }

  #sumTimes(): void {
    let upTo = -1;
    for (const place of this.#groups) {
      upTo = Math.max(upTo, place.latest);
      place.upTo = upTo;
    }
  }

  #segmentOf(seq: number): Segment {
    const newest = this.#newest;
    if (newest !== undefined && seq >= newest.first && seq < newest.end) return newest;
    const found = this.#segments.find(({ first, end }) => seq >= first && seq < end);
    this.#newest = must(found, 'a row is committed in a partition that is known');
    return this.#newest;
  }

  /** True if the journal may have a row of the id. */
  mayHave(id: string): boolean {
    if (this.#incomplete.length > 0) return true;
    hashText(id);
    return this.#isInAFilter();
  }

  /** Which of the plain ids the journal has no row of; undefined: it is not known yet. */
  absenceOf({ ids, count }: PlainColumns): Absence | undefined {
    if (this.#incomplete.length > 0) return undefined;
    const doubtful: number[] = [];
    for (let place = 0; place < count; place += 1) {
      const at = place * 4;
      hashWords(ids[at] ?? 0, ids[at + 1] ?? 0, ids[at + 2] ?? 0, ids[at + 3] ?? 0);
      if (this.#isInAFilter()) doubtful.push(place);
    }
    return { seq: this.#seq, doubtful };
  }

  /** True if any filter may have the id that was hashed last. */
  #isInAFilter(): boolean {
    // Without a time, -1, it may be in all of them.
    const time = hashedTime();
    const isInAny = this.#ahead.has(time);
    for (let at = this.#groups.length - 1; at >= 0; at -= 1) {
      const { group, latest, upTo } = must(this.#groups[at], 'it is one of them');
      if (!isInAny && upTo < time) return false;
      if ((isInAny || latest >= time) && group.filtersWith(255) !== 0) return true;
    }
    return false;
  }

  /**
   * The ids, of rows to be appended, that a partition may have already which is not the one that
   * the row is appended to, with the seqs between which it may have them.
   *
   * @param absence what was shown of the plain ids before; undefined: nothing
   */
  suspects({ plain, rows, head }: BatchRows, absence?: Absence): SuspectId[] {
    const found: SuspectId[] = [];
    const unknown = new UnknownRuns(
      this.#incomplete.filter(({ first }) => first <= head.seqBefore),
    );
    const certain = unknown.none;
    const { bytes, count } = plain ?? NO_ROWS;
    const shown = absence !== undefined && this.#isOfOnePartition(absence.seq, head);
    const unproven = shown ? absence.doubtful : undefined;
    for (let place = 0; place < (unproven?.length ?? count); place += 1) {
      const index = unproven === undefined ? place : (unproven[place] ?? 0);
      const at = index * PLAIN_ROW_BYTES + PLAIN_AT.id;
      hashBytes(bytes, at);
      // Nearly every id is new, and nothing is made for it.
      if (certain && !this.#isInAFilter()) continue;
      const { partition } = this.#segmentOf(head.seqBefore + 1 + index);
      this.#suspect(found, idAt(bytes, at), partition, unknown);
    }
    for (const { id, seq } of rows) {
      hashText(id);
      if (certain && !this.#isInAFilter()) continue;
      this.#suspect(found, id, this.#segmentOf(seq).partition, unknown);
    }
    return found;
  }

  /**
   * True if all rows behind a seq, those of a batch included, are of one partition: its index
   * refuses an id that two of them have.
   */
  #isOfOnePartition(seq: number, { seqAfter }: BatchRows['head']): boolean {
    return this.#segmentOf(seq + 1).partition === this.#segmentOf(seqAfter).partition;
  }

  /** Adds where the journal may have the id that was hashed last, but for its own partition. */
  #suspect(found: SuspectId[], id: string, own: number, unknown: UnknownRuns): void {
    for (const { first, end } of unknown.except(own)) found.push({ id, first, end });
    for (const { group, segments } of this.#groups) {
      const bits = group.filtersWith(255);
      if (bits === 0) continue;
      for (const segment of segments) {
        if ((bits & segment.bit) === 0 || !segment.complete || segment.partition === own) continue;
        found.push({ id, first: segment.first, end: segment.end });
      }
    }
  }

  /** True if two rows of a batch have one id. */
  repeats({ plain, rows }: BatchRows): boolean {
    const { bytes, count } = plain ?? NO_ROWS;
    const ids = new Set(rows.map(({ id }) => id));
    for (let index = 0; index < count; index += 1) {
      ids.add(idAt(bytes, index * PLAIN_ROW_BYTES + PLAIN_AT.id));
    }
    return ids.size < count + rows.length;
  }
}

/**
 * Where rows may be missing from the filters, as few runs of seqs: a new leader of hundreds of
 * partitions has no filter at first, and the ids of a large batch are looked for in all of them.
 */
class UnknownRuns {
  /** In ascending order. */
  readonly #segments: readonly Segment[];
  /** By the partition that they leave out. */
  readonly #runs = new Map<number, readonly SeqBounds[]>();

  constructor(segments: readonly Segment[]) {
    this.#segments = segments;
  }

  get none(): boolean {
    return this.#segments.length === 0;
  }

  /** Without a partition, whose own index refuses what it has. */
  except(own: number): readonly SeqBounds[] {
    const known = this.#runs.get(own);
    if (known !== undefined) return known;
    const runs: { first: number; end: number }[] = [];
    for (const { partition, first, end } of this.#segments) {
      if (partition === own) continue;
      const last = runs.at(-1);
      if (last?.end === first) last.end = end;
      else runs.push({ first, end });
    }
    this.#runs.set(own, runs);
    return runs;
  }
}

const NO_ROWS = { count: 0, bytes: Buffer.alloc(0) };

function idAt(bytes: Buffer, at: number): string {
  const hex = bytes.toString('hex', at, at + 16);
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20)];
  return `${parts.join('-')}-${hex.slice(20)}`;
}
