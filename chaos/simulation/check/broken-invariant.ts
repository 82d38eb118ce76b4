/** An invariant that does not hold, and the smallest piece of the history that shows it. */
export interface BrokenInvariant {
  /** As the design numbers them. */
  readonly invariant: string;
  readonly what: string;
  readonly evidence: readonly string[];
}
