import * as fc from 'fast-check';

// One failing case is enough to show that a change is noticed; a smaller one is not needed.
fc.configureGlobal({ seed: 1, endOnFailure: true });
