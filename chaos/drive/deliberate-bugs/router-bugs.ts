import type { DeliberateBug } from './deliberate-bug.ts';

export const routerBugs: readonly DeliberateBug[] = [
  {
    name: 'mix-up-answers',
    description: 'A router gives the answers of a batch to its callers in the wrong order.',
    file: 'router/transfers/lane.ts',
    text: 'const result = results[index];',
    replacement: 'const result = results[results.length - 1 - index];',
    invariants: ['I4', 'I6'],
    profile: 'embedded',
    workloads: ['bank'],
    nemeses: [],
  },
];
