/** The seqs from `first` to before `end`. */
export interface SeqBounds {
  readonly first: number;
  readonly end: number;
}

/** A partition of the journal, as the database has it. */
export interface Partition extends SeqBounds {
  /** True: it has its unique index of ids. */
  readonly ids: boolean;
  /** True: it has both unique indexes of versions. Else it is bare. */
  readonly versions: boolean;
}

/** An id, and the seqs between which a row of it is looked for. */
export interface SuspectId extends SeqBounds {
  readonly id: string;
}

/** The seqs that a stored filter is of, and how its bits are set. */
export interface FilterKey extends SeqBounds {
  readonly recipe: number;
}

/**
 * The partitions of a journal whose database keeps an id unique in each partition alone.
 * Errors are those of the store.
 */
export interface PartitionStore {
  /** All of them, in the order of their rows. */
  read(): Promise<Partition[]>;

  /** Gives a journal without rows a first partition of this size; any other is left as it is. */
  start(size: number): Promise<void>;

  /**
   * Adds the next partitions of this size, all or none. Neither posting nor a reader waits for it.
   * It fails if the journal cannot be had within a second.
   */
  add(size: number, versions: boolean, count?: number): Promise<void>;

  /**
   * Builds the indexes of versions of a partition that nothing is posted to any more, or not yet.
   * @throws StoreError `known_id` if two rows of it have one version of an account
   */
  complete(first: number): Promise<void>;

  /**
   * Takes the indexes of versions from a partition that is not full. Posting waits for it, for
   * less than a batch takes; it fails if a reader of the partition is in the way for a moment.
   *
   * @param epoch of the leader that asks for it: no other may
   */
  strip(first: number, epoch: number): Promise<void>;

  /** Locks that all sessions of the server may hold together; Infinity: any number. */
  lockRoom(): Promise<number>;

  /** True if the journal has a row of one of these ids between its seqs. */
  anyExists(suspects: readonly SuspectId[]): Promise<boolean>;

  /** Ids of the rows with these seqs (after, through), 16 bytes each. */
  readIdBytes(after: number, through: number): Promise<Buffer>;

  /** The stored filter; undefined: there is none that can be used. */
  readFilter(key: FilterKey): Promise<Uint8Array | undefined>;

  writeFilter(key: FilterKey, bits: Uint8Array): Promise<void>;
}
