import type { SinglesJob } from '../load/job.ts';

/** How the tables call the clients of single calls. */
export const clientNames: Readonly<Record<SinglesJob['client'], string>> = {
  frames: 'frames encoded in advance',
  library: 'client library',
};
