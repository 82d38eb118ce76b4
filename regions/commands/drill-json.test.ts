import { expect, test } from 'vitest';

import { abortedReport, failedReport, passedReport } from '../drills/report/test/sample-reports.ts';
import { scenarios } from '../drills/scenarios/all.ts';
import { toJson } from './print.ts';
import { namesOfOtherStyle } from './test/naming-style.ts';

test.each([
  ['drill list', scenarios],
  ['drill report, passed', passedReport()],
  ['drill report, failed', failedReport()],
  ['drill report, aborted', abortedReport()],
])('"%s" prints JSON with names in one style', (_, value) => {
  expect(namesOfOtherStyle(JSON.parse(toJson(value)))).toEqual([]);
});

test('a name of another style is found wherever it is, and data is left out', () => {
  const value = { books: [{ home_region: 'eu-west', metadata: { 'cost-centre': '7' } }] };
  expect(namesOfOtherStyle(value)).toEqual(['.books[0].home_region']);
});
