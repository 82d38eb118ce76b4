import type { DeliberateBug } from './deliberate-bug.ts';

export const routerBugs: readonly DeliberateBug[] = [
  {
    name: 'mix-up-answers',
    description: 'A router gives the answers of a batch to its callers in the wrong order.',
    file: 'router/transfers/lane.ts',
    text: 'const result = first + item - from;',
    replacement: 'const result = scan.count - 1 - (first + item - from);',
    invariants: ['I4', 'I6'],
    profile: 'embedded',
    workloads: ['bank'],
    nemeses: [],
  },
];
