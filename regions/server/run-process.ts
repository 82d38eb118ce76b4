import { InvariantError } from '../../ledger/core/assert.ts';
import { BROKEN_EXIT_CODE } from '../processes/supervised-process.ts';
import { CommandFailure } from '../terminal/failure.ts';
import { requirePatchedLibraries } from './patched-libraries.ts';

/**
 * Runs a server process: exit code 0 after SIGTERM or SIGINT and a clean stop, 1 on any error,
 * or that of a CommandFailure, which is printed in one line, 70 on a bug of ours, wherever it shows, which is printed with its
 * stack trace. A second signal does not wait.
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
  // What is thrown where nothing waits for it, such as a promise that nothing handles.
  process.on('uncaughtException', (error) => fail(error, true));
  try {
    requirePatchedLibraries();
    await main((register) => {
      stop = register;
    });
    process.exit(0);
  } catch (error) {
    fail(
      error,
      BUGS.some((kind) => error instanceof kind),
      error instanceof CommandFailure ? error.exitCode : 1,
    );
  }
}

const BUGS = [InvariantError, TypeError, RangeError, ReferenceError, SyntaxError];

/** An external error is reported in one line; a bug of ours with its stack. */
function fail(error: unknown, ours: boolean, code = 1): never {
  const text = error instanceof Error ? (ours ? error.stack : error.message) : String(error);
  // The log is a file, which is written to at once.
  process.stderr.write(`${text}\n`);
  process.exit(ours ? BROKEN_EXIT_CODE : code);
}

function exitNow(): void {
  process.exit(1);
}
