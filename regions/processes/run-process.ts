import { InvariantError } from '../../ledger/core/assert.ts';

/**
 * Runs a server process: exit code 0 after SIGTERM or SIGINT and a clean stop, 1 on any error,
 * which is printed in one line. A second signal does not wait.
 *
 * @param main is given a function to register what a signal should do; runs until stopped
 */
export async function runProcess(
  main: (onStop: (stop: () => void) => void) => Promise<void>,
): Promise<void> {
  let stop: () => void = exitNow;
  const onSignal = () => {
    const first = stop;
    stop = exitNow;
    first();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  try {
    await main((register) => {
      stop = register;
    });
    process.exit(0);
  } catch (error) {
    // What is wrong outside is said in a line; a bug of ours needs its stack to be found.
    const ours = error instanceof InvariantError || error instanceof TypeError;
    const text = ours ? error.stack : error instanceof Error ? error.message : String(error);
    process.stderr.write(`${text}\n`);
    process.exit(1);
  }
}

function exitNow(): void {
  process.exit(1);
}
