/**
 * Bugs for the simulation's own parts, never for the ledger, which show that the checks detect
 * them. Each has the invariants of which at least one must be named.
 */
export const DELIBERATE_BUGS = {
  /** The database acknowledges a commit that no second node has. */
  'acknowledge-before-commit': ['I4'],
  /** The database appends whatever the head contains. */
  'skip-head-compare': ['I11'],
  /** A promotion drops the last batch of the journal. */
  'lose-last-batch': ['I4', 'I11'],
  /** A node is promoted whether or not another one follows it. */
  'promote-without-guard': ['I4'],
  /** Legs of another book are applied again, under new numbers. */
  'apply-channel-twice': ['I3'],
  /** A call to another book that is not answered in time counts as a refusal. */
  'refund-on-timeout': ['I3'],
  /** A key is answered from Redis alone. */
  'trust-redis-alone': ['I4', 'I6'],
  /** A server leads, as far as known keys go, before its take-over is committed. */
  'exists-before-barrier': ['I4', 'I6'],
  /** A linearizable read is answered by the copy that is nearest. */
  'read-from-a-copy': ['I7'],
  /** A page of events is lost between a server and a subscriber. */
  'drop-events': ['I20'],
} as const satisfies Record<string, readonly string[]>;

export type SimulatedBug = keyof typeof DELIBERATE_BUGS;

export function isSimulatedBug(name: string): name is SimulatedBug {
  return Object.hasOwn(DELIBERATE_BUGS, name);
}
