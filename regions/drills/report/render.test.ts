import { describe, expect, test } from 'vitest';
import { drillReport, type DrillReport } from '../report.ts';
import { picture } from './drill-picture.ts';
import { renderReport } from './render.ts';
import { abortedReport, failedReport, passedReport } from './test/sample-reports.ts';

/** The text that a reader sees: the page without its markup, with single spaces. */
function textOf(page: string): string {
  return page
    .replaceAll(/<style[\s\S]*?<\/style>/gu, '')
    .replaceAll(/<[^>]*>/gu, ' ')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll(/\s+/gu, ' ');
}

const read = (report: DrillReport) => textOf(renderReport(report));

test.each([passedReport(), failedReport(), abortedReport()])(
  'the samples are valid reports ($scenario, $verdict)',
  (report) => {
    expect(drillReport.parse(JSON.parse(JSON.stringify(report)))).toEqual(report);
  },
);

describe('a drill that passed', () => {
  const text = read(passedReport());

  test('states so first', () => {
    expect(text).toContain('✓ Passed: everything held that this drill checks.');
    expect(text).toContain('Of 8,655 acknowledged transfers, none is missing');
  });

  test('has the figures', () => {
    expect(text).toContain('Acknowledged and missing (RPO) 0 of 8,655; 0 minor units');
    expect(text).toContain('Writable again after (RTO) 9.8 s us-east-1');
    expect(text).toContain('Posted twice 0 ');
    expect(text).toContain('Unknown outcomes 42 → 0 before and after asking again: 30 had');
    expect(text).toContain(
      'Longest pause elsewhere 187 ms ap-south; 0 faults in 6,014 calls of healthy regions',
    );
  });

  test('has each book with its steps', () => {
    expect(text).toContain(
      'us-east-1 (struck) us-east → eu-west 1 → 2 4.6 s 9.4 s 9.1 s 9.8 s 9.8 s 9.8 s',
    );
    expect(text).toContain('eu-west-1 eu-west 1 – – – – no pause 121 ms');
  });

  test('has every check, invariant, copy, epoch, and what was not tested', () => {
    expect(text).toContain('us-east-1 writable again < 15 s 9.8 s ✓ pass');
    expect(text).toContain('I11 the journal has no gaps and its chain verifies ✓ pass');
    expect(text).toContain('us-east-1 ap-south replica 3,305 the same as its primary');
    expect(text).toContain('us-east-1 2 eu-west.meridian.internal:17022 1,900 +9.8 s +47.8 s');
    for (const point of passedReport().notTested) expect(text).toContain(point);
  });

  test('states how to run it again, and with which versions it ran', () => {
    expect(text).toContain(
      'npx meridian drill run region-loss --region us-east --rate 50 --seconds 15',
    );
    expect(text).toContain('region us-east, rate 50, seconds 15');
    expect(text).toContain('patroni 3.0.2');
    expect(text).toContain(passedReport().commit);
    for (const file of passedReport().logs) expect(text).toContain(file);
  });

  test('lists every moment, counted from the injection', () => {
    expect(text).toContain('+0.0 s injected us-east us-east is lost');
    expect(text).toContain('+9.8 s first good write us-east-1, eu-west eu-west leads us-east-1');
    expect(text).toContain('+42.2 s healed three copies of every book');
  });
});

describe('a drill that failed', () => {
  const text = read(failedReport());

  test('states what did not hold', () => {
    expect(text).toContain('✗ Failed: 3 of 5 checks did not hold, and 1 could not be made.');
    expect(text).toContain('Keys posted twice : 1, must be 0');
    expect(text).toContain('are missing, together 1,234,567 minor units.');
    expect(text).not.toContain('Passed');
  });

  test('shows amounts and keys of what is missing, and how many keys more there are', () => {
    expect(text).toContain('2 transfers of together 1,234,567 minor units');
    expect(text).toContain('0193a5c2-7b1e-7c3a-9d60-3f2b8a5e0002 and 1 key more');
  });

  test('shows violations, copies that differ, and what stayed in transit', () => {
    expect(text).toContain('us-east-1 at seq 742: the chain breaks here ✗ fail');
    expect(text).toContain('differs from its primary: at seq 742 ✗ fail');
    expect(text).toContain('could not be read: connection refused ? unknown');
    expect(text).toContain('us-east-1 eu-west-1 EUR 1 95');
  });

  test('calls no evidence a proof that could not be read completely', () => {
    expect(text).toContain('Not everything could be read, so this is not a proof:');
  });
});

test('an unread journal is no proof, even if nothing was found missing', () => {
  const report = passedReport();
  if (report.evidence === null) throw new Error('the sample has evidence');
  report.evidence.complete = false;
  const text = read(report);
  expect(text).toContain('none was found missing, but not everything could be read');
  expect(text).toContain('0 minor units; not all was read');
});

test('an audit that could not be run leaves every invariant unknown', () => {
  const report = passedReport();
  if (report.evidence === null) throw new Error('the sample has evidence');
  report.evidence.audit = null;
  expect(read(report)).toContain('I1 each book sums to zero ? unknown');
});

test('a book that was never writable again is not a book without a pause', () => {
  const report = passedReport();
  report.books = report.books.map((book) => ({ ...book, rtoMs: null }));
  const text = read(report);
  expect(text).toContain('Writable again after (RTO) not at all us-east-1');
  expect(text).toContain('not writable again');
});

test('an aborted drill states why, and shows no figures', () => {
  const text = read(abortedReport());
  expect(text).toContain('! Aborted: this drill proves nothing.');
  expect(text).toContain('ap-south-1 has two copies only; nothing was broken');
  expect(text).not.toContain('RPO');
  expect(renderReport(abortedReport())).not.toContain('<svg');
});

test('series without any point are drawn as an empty picture', () => {
  const report = passedReport();
  report.series = report.series.map(({ region }) => ({ region, points: [] }));
  expect(renderReport(report)).toContain('</svg>');
  report.timeline = [];
  expect(renderReport(report)).toContain('seconds since the start');
});

describe('the page', () => {
  const page = renderReport(failedReport());

  test('needs no network and no script', () => {
    expect(page).not.toMatch(/<script|<link|<img|@import|url\((?!#)|\son\w+=/u);
    const addresses = page.matchAll(/(?:https?:)?\/\/[^\s"'<]+/gu);
    const foreign = [...addresses].filter(([address]) => !address.includes('//www.w3.org/'));
    expect(foreign.map(([address]) => address)).toEqual([]);
  });

  test('has a picture with a text alternative for screen readers', () => {
    expect(page).toMatch(/<svg role="img" aria-labelledby="picture-title picture-description"/u);
    expect(page).toContain('<title id="picture-title">Timeline of the drill</title>');
    expect(page).toMatch(/<desc id="picture-description">.*eu-west: 0 of 63 seconds without/u);
  });

  test('draws only with the colours of the page, so that dark and print can change them', () => {
    const svg = /<svg[\s\S]*<\/svg>/u.exec(page)?.[0] ?? '';
    const painted = svg
      // A straight line has no inside to fill.
      .replaceAll(/(d="M[\d.]+ [\d.]+L[\d.]+ [\d.]+"[^>]*?) fill="[^"]*"/gu, '$1')
      .replaceAll(/<clipPath[\s\S]*?<\/clipPath>/gu, '')
      .replaceAll(/fill="[^"]*" fill-opacity="0"|stroke="[^"]*" stroke-width="0"/gu, '');
    const colours = [...painted.matchAll(/\s(?:fill|stroke)="([^"]*)"/gu)].map(([, it]) => it);
    expect(colours.length).toBeGreaterThan(100);
    expect(colours.filter((it) => it !== 'none' && !it?.startsWith('var('))).toEqual([]);
  });
});

/** Replaces every text of a report by markup. */
function hostile(value: unknown, name = ''): unknown {
  if (Array.isArray(value)) return value.map((each) => hostile(each, name));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, each]) => [key, hostile(each, key)]),
    );
  }
  const chosen = ['region', 'kind', 'verdict', 'result', 'role', 'state', 'amountMinor', 'home'];
  if (typeof value !== 'string' || chosen.includes(name) || name.startsWith('leader')) return value;
  return `</title></svg><img src=x onerror="alert('${name}')">{a}{b|c}&amp;`;
}

test('no text of a report can become markup', () => {
  const bad = drillReport.parse(hostile(failedReport()));
  const page = renderReport(bad);
  expect(page).not.toContain('<img');
  expect(page.match(/<\/svg>/gu)).toHaveLength(1);
  expect(page).toContain('&lt;img src=x onerror=');
  // The drawing library must not interpret braces as templates.
  expect(page).toContain('{a}');
});

test('the description of the picture is escaped as well', () => {
  expect(picture(passedReport(), '</desc><b>').text).toContain('&lt;/desc&gt;&lt;b&gt;</desc>');
});
