import type { DrillReport } from '../../drills/report.ts';
import { fieldLines } from '../../terminal/print.ts';
import { table } from '../../terminal/table.ts';

const seconds = (ms: number | null) => (ms === null ? '-' : `${(ms / 1_000).toFixed(2)} s`);

/** The result of a drill, for a terminal. */
export function describeDrill(report: DrillReport): string {
  const { evidence } = report;
  const books = table(
    [
      { title: 'book' },
      { title: 'leader' },
      { title: 'RTO', align: 'right' },
      { title: 'longest pause', align: 'right' },
      { title: 'detected', align: 'right' },
      { title: 'promoted', align: 'right' },
      { title: 'fenced', align: 'right' },
      { title: 'first good write', align: 'right' },
    ],
    report.books.map((book) => [
      book.name,
      `${book.leaderBefore ?? '-'} epoch ${book.epochBefore ?? '-'}, ` +
        `now ${book.leaderAfter ?? '-'} epoch ${book.epochAfter ?? '-'}`,
      book.affected ? seconds(book.rtoMs) : 'not broken',
      seconds(book.longestPauseMs),
      seconds(book.detectedMs),
      seconds(book.promotedMs),
      seconds(book.fencedMs),
      seconds(book.firstGoodWriteMs),
    ]),
  );
  const checks = table(
    [{ title: 'check' }, { title: 'limit' }, { title: 'measured' }, { title: 'result' }],
    report.checks.map(({ name, limit, measured, result }) => [
      name,
      limit,
      measured,
      result.toUpperCase(),
    ]),
  );
  const fields: [string, string][] = [
    ['drill', report.id],
    ['verdict', verdictText(report)],
    ...(evidence === null
      ? []
      : ([
          ['calls', `${evidence.calls}, ${evidence.acknowledged} acknowledged`],
          [
            'missing',
            `${evidence.missing.count} acknowledged transfers, ` +
              `${evidence.missing.amountMinor} minor units`,
          ],
          ['duplicates', String(evidence.duplicates.count)],
          [
            'unknown',
            `${evidence.unknownBefore} outcomes before asking again, ` +
              `${evidence.unknownAfter} after`,
          ],
        ] satisfies [string, string][])),
  ];
  return `${books}\n${checks}\n${fieldLines(fields)}`;
}

function verdictText({ verdict, aborted, checks }: DrillReport): string {
  const failed = checks.filter(({ result }) => result !== 'pass').length;
  if (verdict === 'pass') return 'PASS';
  if (verdict === 'fail') return `FAIL: ${failed} of ${checks.length} checks did not pass`;
  return `ABORTED: ${aborted}`;
}
