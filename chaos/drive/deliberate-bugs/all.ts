import type { DeliberateBug } from './deliberate-bug.ts';
import { ledgerBugs } from './ledger-bugs.ts';
import { routerBugs } from './router-bugs.ts';

export const deliberateBugs: readonly DeliberateBug[] = [...ledgerBugs, ...routerBugs];
