import type { LegsWanted } from '../../store/asked-pages.ts';

/** Groups with all that belongs to them, however much that is. */
export const ALL_LEGS: LegsWanted = { legsMax: 1_000_000, wants: () => true };
