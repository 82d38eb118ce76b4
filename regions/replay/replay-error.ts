/** The replay cannot go on because of what it was given. The message says what to do. */
export class ReplayRefusedError extends Error {
  override readonly name = 'ReplayRefusedError';
}

/** Settlement with another region stands still. */
export class ReplayStalledError extends Error {
  override readonly name = 'ReplayStalledError';

  constructor(done: number, total: number, inTransit: number) {
    super(
      `stopped after ${done} of ${total} payments: ${inTransit} are still in transit to another ` +
        'region and the next ones depend on them; run the same command again once it answers',
    );
  }
}
