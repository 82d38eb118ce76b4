import type { OperationKind } from '../../ledger/store/operations.ts';

/** Who asks for something, why, and who is told how it goes. */
export interface Acting {
  readonly by: string;
  readonly why: string;
  readonly onStep?: ((text: string) => void) | undefined;
}

/** What an operator has had done. */
export interface Operation {
  readonly id: string;
  readonly kind: OperationKind;
  /** When it was begun, as ISO 8601. */
  readonly at: string;
  readonly by: string;
  readonly why: string;
  /** The book or region that it was done to. */
  readonly subject: string;
  /** What came of it, such as the region and epoch that lead now. */
  readonly result: OperationResult;
  readonly steps: readonly Step[];
  readonly tookMs: number;
  /** Books in whose table of operations it could not be recorded. */
  readonly notRecorded: readonly string[];
}

export type OperationResult = Readonly<Record<string, string | number | boolean>>;

export interface Step {
  /** Since the operation was begun. */
  readonly atMs: number;
  readonly text: string;
}

/** What would be done, and what speaks against it. */
export interface Plan {
  readonly kind: OperationKind;
  readonly subject: string;
  readonly steps: readonly string[];
  /** What whoever asks should know; it keeps nothing from being done. */
  readonly warnings: readonly string[];
  /** Why it is refused; empty: it is done when asked for. */
  readonly objections: readonly string[];
  /**
   * Those of the objections that pass by themselves while the copy concerned catches up. What can
   * wait for that need not be refused for them.
   */
  readonly whileBehind?: readonly string[];
  /** What is missing for it here and now; empty: it can be done. */
  readonly impossible: readonly string[];
}

/** It was not done, because it would not be safe or makes no sense; nothing has changed. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  readonly plan: Plan;

  constructor(plan: Plan) {
    super(`${plan.kind} ${plan.subject} is refused: ${plan.objections.join('; ')}`);
    this.plan = plan;
  }
}

/** The user named a book that there is not. */
export class UnknownBookError extends Error {
  override readonly name = 'UnknownBookError';
}

/** Throws RefusedError or, where something is missing, Error, unless the plan can be done. */
export function requireDoable(plan: Plan): void {
  if (plan.objections.length > 0) throw new RefusedError(plan);
  if (plan.impossible.length === 0) return;
  throw new Error(`${plan.kind} ${plan.subject} is not possible: ${plan.impossible.join('; ')}`);
}
