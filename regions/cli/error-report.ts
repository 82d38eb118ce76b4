import { CommanderError } from 'commander';

import { NotPossibleError, RefusedError, UnknownNameError } from '../operator/change-plan.ts';
import { BadFileError } from './replay/bad-line.ts';
import { ConfigError } from '../config/problem.ts';
import { CallError } from '../../router/client/call-error.ts';
import { ReplayRefusedError, ReplayStalledError } from './replay/replay-error.ts';
import { CommandFailure, ExitCode } from '../terminal/failure.ts';
import { printRaw, toJson } from '../terminal/print.ts';

const usageFailure = (message: string) => new CommandFailure(ExitCode.usage, message);

/** Every error as one line for the user and an exit code. */
export function toFailure(error: unknown): CommandFailure {
  if (error instanceof CommandFailure) return error;
  if (error instanceof BadFileError) return usageFailure(error.message);
  if (error instanceof ReplayRefusedError) return usageFailure(error.message);
  if (error instanceof ReplayStalledError) {
    return new CommandFailure(ExitCode.environment, error.message);
  }
  if (error instanceof ConfigError) return usageFailure(error.message);
  if (error instanceof UnknownNameError) return usageFailure(error.message);
  if (error instanceof RefusedError) return new CommandFailure(ExitCode.refused, error.message);
  if (error instanceof CallError) return callFailure(error);
  const message = error instanceof Error ? error.message : String(error);
  return new CommandFailure(ExitCode.environment, message);
}

/**
 * A command that Ctrl-C has ended. Its caller must know whether money may have moved, and what
 * continues without the command.
 */
export function interruption(error: unknown): CommandFailure {
  if (error instanceof CallError && error.outcome === 'unknown') {
    return new CommandFailure(ExitCode.interrupted, `Stopped; ${NOT_KNOWN}`);
  }
  const message = error instanceof CommandFailure ? error.message : 'Stopped.';
  return new CommandFailure(ExitCode.interrupted, message);
}

const NOT_KNOWN = 'whether it was applied is not known: ask again with the same key';

const CODES: Readonly<Record<number, string>> = {
  [ExitCode.refused]: 'REFUSED',
  [ExitCode.usage]: 'USAGE',
  [ExitCode.environment]: 'NOT_POSSIBLE',
  [ExitCode.interrupted]: 'INTERRUPTED',
};

/**
 * What a command with --json prints, to stdout, when it ends with an error. `code` is the gRPC
 * code of a call that failed, else REFUSED, USAGE, NOT_POSSIBLE or INTERRUPTED, as the exit code
 * has it. `details` of a change that was not made has the objections, each with its own code.
 */
export function errorJson(error: unknown) {
  if (error instanceof CommanderError) {
    const message = error.message.replace(/^error: /u, '');
    return { error: { code: 'USAGE', message, details: {} } };
  }
  const { exitCode, message } = toFailure(error);
  const code = error instanceof CallError ? error.code : CODES[exitCode];
  return { error: { code, message, details: detailsOf(error) } };
}

function detailsOf(error: unknown) {
  if (error instanceof CallError) {
    return { outcome: error.outcome, reason: error.reason, violations: error.violations };
  }
  if (error instanceof RefusedError) return { objections: error.plan.objections };
  if (error instanceof NotPossibleError) return { objections: error.plan.impossible };
  if (error instanceof ConfigError) {
    return { file: error.file ?? null, problems: error.problems };
  }
  return {};
}

function callFailure(error: CallError): CommandFailure {
  if (error.code === 'INVALID_ARGUMENT') return usageFailure(error.message);
  if (error.code === 'NOT_FOUND') return new CommandFailure(ExitCode.refused, error.message);
  if (error.outcome === 'not_applied') {
    return new CommandFailure(ExitCode.environment, `${error.message}; nothing was applied`);
  }
  return new CommandFailure(ExitCode.environment, `${error.message}; ${NOT_KNOWN}`);
}

/** Prints an error for programs, on one line: a stream of events may have begun before it. */
export function printError(error: unknown): Promise<void> {
  return printRaw(toJson(errorJson(error)));
}
