import { expect, test } from 'vitest';

import { CallError } from '../../router/client/call-error.ts';
import { NotPossibleError, RefusedError } from '../operator/change-plan.ts';
import { errorJson, interruption } from './error-report.ts';
import { CommandFailure, ExitCode } from '../terminal/failure.ts';

test('every error is an object for --json', () => {
  expect(errorJson(new CommandFailure(ExitCode.refused, 'no'))).toEqual({
    error: { code: 'REFUSED', message: 'no', details: {} },
  });
  const plan = { kind: 'fence', subject: 'eu-west-1', steps: [], warnings: [], accepted: [] };
  const against = [{ code: 'FENCED_ALREADY', text: 'it is fenced already' }] as const;
  const message = 'fence eu-west-1 is refused: it is fenced already';
  const refused = new RefusedError({ ...plan, objections: against, impossible: [] });
  expect(errorJson(refused)).toEqual({
    error: { code: 'REFUSED', message, details: { objections: against } },
  });
  const missing = new NotPossibleError({ ...plan, objections: [], impossible: against });
  expect(errorJson(missing)).toMatchObject({
    error: { code: 'NOT_POSSIBLE', details: { objections: against } },
  });
  expect(errorJson(new Error('down'))).toMatchObject({ error: { code: 'NOT_POSSIBLE' } });
});

test('Ctrl-C reports what may have been applied, and what continues', () => {
  const fields = { code: 'CANCELLED', retryable: false, violations: [], reason: '' };
  const cancelled = (outcome: CallError['outcome']) =>
    new CallError('cancelled', { ...fields, outcome, retryAfterMs: undefined });
  const messages = [
    cancelled('unknown'),
    cancelled('not_applied'),
    new CommandFailure(ExitCode.environment, 'it goes on'),
    new Error('aborted'),
  ].map((error) => {
    const { exitCode, message } = interruption(error);
    return [exitCode, message];
  });
  expect(messages).toEqual([
    [130, 'Stopped; whether it was applied is not known: ask again with the same key'],
    [130, 'Stopped.'],
    [130, 'it goes on'],
    [130, 'Stopped.'],
  ]);
  expect(errorJson(interruption(new Error('aborted')))).toMatchObject({
    error: { code: 'INTERRUPTED' },
  });
});
