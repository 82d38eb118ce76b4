import type { DrillReport } from '../report.ts';
import { section, table } from '../../report/elements.ts';
import { Html, html, nothing } from '../../report/html.ts';
import { inOrder, kindNames, zeroOf } from './moments.ts';
import { picture } from './drill-picture.ts';
import { countText, durationText, offsetText } from '../../report/quantities.ts';

/** Describes the outage: each book, the picture, each moment, the healthy regions. */

const number = (title: string) => ({ title, number: true }) as const;

/** The pause of each book's writes, and the steps to its new leader. */
export function booksTable({ books }: DrillReport): Html {
  const rows = books.map((book) => [
    html`${book.name}${book.affected ? html` <b>(struck)</b>` : nothing}`,
    change(book.leaderBefore, book.leaderAfter),
    change(book.epochBefore, book.epochAfter),
    durationText(book.detectedMs),
    durationText(book.fencedMs),
    durationText(book.promotedMs),
    durationText(book.firstGoodWriteMs),
    html`<b>${recovery(book)}</b>`,
    durationText(book.longestPauseMs),
  ]);
  return section(
    'Each book',
    table(
      [
        'book',
        'leader',
        'epoch',
        number('detected'),
        number('fenced'),
        number('promoted'),
        number('first good write'),
        number('RTO'),
        number('longest pause'),
      ],
      rows,
    ),
    rows.length === 0
      ? nothing
      : html`<p class="small soft">
          Times count from the injection. A dash: it did not happen or was not measured.
        </p>`,
  );
}

function change(before: string | number | null, after: string | number | null): string {
  const [from, to] = [String(before ?? 'none'), String(after ?? 'none')];
  return from === to ? from : `${from} → ${to}`;
}

function recovery({ affected, rtoMs }: DrillReport['books'][number]): string {
  if (rtoMs !== null) return durationText(rtoMs);
  return affected ? 'not writable again' : 'no pause';
}

/** The timeline picture and its moments as a table, which readers without the picture have. */
export function timeline(report: DrillReport): Html {
  const zeroMs = zeroOf(report);
  const hasPicture = report.timeline.length > 0 || report.series.length > 0;
  const rows = inOrder(report.timeline).map((mark) => [
    offsetText(mark.atMs - zeroMs),
    kindNames[mark.kind],
    [mark.book, mark.region].filter((name) => name !== undefined).join(', '),
    mark.text,
  ]);
  return section(
    'Timeline',
    hasPicture
      ? html`<figure class="picture">${picture(report, description(report))}</figure>
          <p class="small soft">
            Each bar is one second of the calls that pay from accounts homed in that region. The
            shade reaches from the injection to the healing. A gap in a curve: nothing was answered.
          </p>`
      : nothing,
    table([number('time'), 'what', 'where', 'description'], rows),
  );
}

/** The text alternative of the picture, for screen readers. */
function description(report: DrillReport): string {
  const regions = report.series.map(({ region, points }) => {
    const silent = points.filter(({ acknowledged }) => acknowledged === 0).length;
    const errors = points.reduce((sum, point) => sum + point.errors, 0);
    return `${region}: ${countText(silent)} of ${countText(points.length)} seconds without an acknowledged call, ${countText(errors)} faults.`;
  });
  return [
    'Moments of the drill, then answers per second and latency of each region over time.',
    ...regions,
    'The moments are in the table below.',
  ].join(' ');
}

/** The effect on regions that were not broken. */
export function collateralTable({ collateral }: DrillReport): Html {
  return section(
    'Healthy regions',
    table(
      [
        'region',
        number('calls between its own accounts'),
        number('faults'),
        number('longest pause'),
      ],
      collateral.map(({ region, calls, errors, longestPauseMs }) => [
        region,
        countText(calls),
        countText(errors),
        durationText(longestPauseMs),
      ]),
    ),
  );
}
