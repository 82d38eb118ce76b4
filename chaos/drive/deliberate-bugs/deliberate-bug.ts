import type { invariants } from '../../judge/checkers/all.ts';
import type { Profile } from '../installation/installation.ts';

/**
 * A mistake that can be put into a server of an installation when it is loaded, to see that it
 * is convicted. It is in no server that ships: only `installBug` knows of it.
 */
export interface DeliberateBug {
  readonly name: string;
  /** What the server does then, in a sentence. */
  readonly description: string;
  /** The module, from the checkout. */
  readonly file: string;
  /** Source text that is in the module exactly once. */
  readonly text: string;
  /** What stands there instead. */
  readonly replacement: string;
  /** At least one of these must be found violated. */
  readonly invariants: readonly (keyof typeof invariants)[];
  /** The least that an installation must have for it to do harm. */
  readonly profile: Profile;
  /** Names of those that bring it out; without nemeses: it does harm by itself. */
  readonly workloads: readonly string[];
  readonly nemeses: readonly string[];
}

/**
 * The source of the module with the bug.
 * Throws Error when the text is not there, or more than once: the bug no longer fits the module.
 */
export function withBug({ name, file, text, replacement }: DeliberateBug, source: string): string {
  const parts = source.split(text);
  if (parts.length === 2) return parts.join(replacement);
  throw new Error(`bug ${name}: its text is in ${file} ${parts.length - 1} times, not once`);
}
