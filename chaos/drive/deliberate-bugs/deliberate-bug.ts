import type { invariants } from '../../judge/checkers/all.ts';
import type { Profile } from '../../../regions/config/scale.ts';

/** Wrong text for right one. */
export interface WrongText {
  readonly name: string;
  /** Path of the module, relative to the checkout. */
  readonly file: string;
  /** Source text that the module contains exactly once. */
  readonly text: string;
  /** Text that replaces it. */
  readonly replacement: string;
}

/**
 * A bug that can be injected into a server when it is loaded, to show that the checkers convict it.
 * No server that ships contains it: only `installBug` applies it.
 */
export interface DeliberateBug extends WrongText {
  /** What the server does with it, in a sentence. */
  readonly description: string;
  /** A run must violate at least one of these. */
  readonly invariants: readonly (keyof typeof invariants)[];
  /** The smallest profile in which it does harm. */
  readonly profile: Profile;
  /** Names of those that expose it; without nemeses: it needs none. */
  readonly workloads: readonly string[];
  readonly nemeses: readonly string[];
}

/**
 * Returns the source of the module with the bug. Throws Error when the text is absent or occurs
 * more than once: the bug no longer fits the module.
 */
export function withBug({ name, file, text, replacement }: WrongText, source: string): string {
  const parts = source.split(text);
  if (parts.length === 2) return parts.join(replacement);
  throw new Error(`bug ${name}: its text is in ${file} ${parts.length - 1} times, not once`);
}
