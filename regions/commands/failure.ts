/** What the `meridian` command ends with. */
export const ExitCode = {
  ok: 0,
  /** An invariant is violated, a transfer rejected, an account absent, a bad line refused. */
  refused: 1,
  /** The command was called wrongly or given something malformed. */
  usage: 2,
  /** The surroundings do not allow it: not running, out of reach, a port taken. */
  environment: 3,
  /** Stopped by Ctrl-C, as shells have it. */
  interrupted: 130,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** Ends a command with a line for its user and an exit code. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}
