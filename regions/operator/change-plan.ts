import { type Objection, textOf } from './objection.ts';

/** Who asks for something, why, and a callback for its progress. */
export interface Acting {
  readonly by: string;
  readonly why: string;
  readonly onStep?: ((text: string) => void) | undefined;
}

/** A completed operation. */
export interface CompletedChange {
  readonly id: string;
  /** Name of the change. */
  readonly kind: string;
  /** Time of its start, as ISO 8601. */
  readonly at: string;
  readonly by: string;
  readonly why: string;
  /** The book or region concerned. */
  readonly subject: string;
  /** Its result, such as the region and epoch that lead now. */
  readonly result: ChangeResult;
  readonly steps: readonly Step[];
  readonly tookMs: number;
  /** Books in whose table of operations it could not be recorded. */
  readonly notRecorded: readonly string[];
}

export type ChangeResult = Readonly<Record<string, string | number | boolean>>;

export interface Step {
  /** Since the start of the operation. */
  readonly atMs: number;
  readonly text: string;
}

/** What a change would do to its book or region, and the objections to it. */
export interface Outline {
  readonly steps: readonly string[];
  /** What the operator should know; warnings do not prevent the change. */
  readonly warnings?: readonly string[];
  /** Why it is refused; empty: it is done when asked for. */
  readonly objections: readonly Objection[];
  /** What would be objected if the operator had not accepted it; recorded with the change. */
  readonly accepted?: readonly Objection[];
  /** What is missing for it now; empty: it can be done. */
  readonly impossible?: readonly Objection[];
}

/** An outline, and of what. */
export interface Plan extends Required<Outline> {
  /** Name of the change. */
  readonly kind: string;
  /** The book or region concerned. */
  readonly subject: string;
}

/** The change was refused because it is unsafe or pointless; nothing has changed. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  readonly plan: Plan;

  constructor(plan: Plan) {
    super(`${plan.kind} ${plan.subject} is refused: ${textOf(plan.objections)}`);
    this.plan = plan;
  }
}

/** Something that the change needs is missing now; nothing has changed. */
export class NotPossibleError extends Error {
  override readonly name = 'NotPossibleError';
  readonly plan: Plan;

  constructor(plan: Plan) {
    super(`${plan.kind} ${plan.subject} is not possible: ${textOf(plan.impossible)}`);
    this.plan = plan;
  }
}

/** The user named a book or a region that does not exist. */
export class UnknownNameError extends Error {
  override readonly name = 'UnknownNameError';
}

/** Throws RefusedError or, where something is missing, NotPossibleError, unless it can be done. */
export function requireDoable(plan: Plan): void {
  if (plan.objections.length > 0) throw new RefusedError(plan);
  if (plan.impossible.length > 0) throw new NotPossibleError(plan);
}
