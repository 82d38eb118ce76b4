import { expect, test } from 'vitest';

import { errorJson } from './error-report.ts';
import { CommandFailure, ExitCode } from './failure.ts';

test('every error is an object for --json', () => {
  expect(errorJson(new CommandFailure(ExitCode.refused, 'no'))).toEqual({
    error: { code: 'REFUSED', message: 'no', details: {} },
  });
  expect(errorJson(new Error('down'))).toMatchObject({ error: { code: 'NOT_POSSIBLE' } });
});
