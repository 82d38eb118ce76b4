import { describe, expect, test } from 'vitest';
import { renderPage } from './run-page.ts';
import { failedRun, passedRun, unknownRun } from './test/sample-runs.ts';

/** The text of a page: without markup, with collapsed spaces. */
function textOf(page: string): string {
  return page
    .replaceAll(/<style[\s\S]*?<\/style>/gu, '')
    .replaceAll(/<[^>]*>/gu, ' ')
    .replaceAll('&#39;', "'")
    .replaceAll('&quot;', '"')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
    .replaceAll(/\s+/gu, ' ');
}

/** Elements that are not closed properly. */
function badlyNested(page: string): string[] {
  const open: string[] = [];
  const wrong: string[] = [];
  const isEmpty = /^(?:meta|br|hr|img|input|link)$/u;
  const body = page.replaceAll(/<style[\s\S]*?<\/style>/gu, '').replace('<!doctype html>', '');
  for (const [, slash, name = '', rest = ''] of body.matchAll(/<(\/?)([\w-]+)([^>]*)>/gu)) {
    if (slash === '/') {
      const last = open.pop();
      if (last !== name) wrong.push(`</${name}> after <${last}>`);
    } else if (!rest.endsWith('/') && !isEmpty.test(name)) open.push(name);
  }
  return [...wrong, ...open];
}

const runs = {
  passed: passedRun(),
  failed: failedRun(),
  'cannot be decided': unknownRun(),
};

describe.each(Object.entries(runs))('the page of a run: %s', (_, run) => {
  const page = renderPage(run);

  test('is well-formed, and has one picture', () => {
    expect(badlyNested(page)).toEqual([]);
    expect(page.match(/<svg /gu)).toHaveLength(1);
    expect(page.match(/<\/svg>/gu)).toHaveLength(1);
    expect(page).not.toMatch(/undefined|NaN|\[object/u);
  });

  test('needs no network and no script, and no text becomes markup', () => {
    expect(page).not.toMatch(/<script|<link|<img|@import|url\((?!#)|\son\w+=/u);
    const addresses = page.matchAll(/(?:https?:)?\/\/[^\s"'<]+/gu);
    const foreign = [...addresses].filter(([address]) => !address.includes('//www.w3.org/'));
    expect(foreign.map(([address]) => address)).toEqual([]);
  });

  test('describes the run and how to repeat it', () => {
    const text = textOf(page);
    expect(text).toContain('Chaos, seed 17');
    expect(text).toContain('npm run chaos -- --seed 17 --profile embedded --minutes 10');
    expect(text).toContain('commit 3330e83 versions node 24.21.0, postgres 18.4');
    expect(text).toContain('workloads bank 0.25, limits 1');
    expect(text).toContain('N24 small-disk loop devices need root');
    expect(text).toContain('chaos-runs/seed-17/history.jsonl');
  });

  test('has faults, epochs and the table of nemeses', () => {
    const text = textOf(page);
    expect(text).toContain('0.023 s 0.025 s N9 replies lost eu-west');
    expect(text).toMatch(/5 epochs .* book-1 1 eu-west/u);
    expect(text).toContain('N9 replies lost 1 1 1 0');
    expect(text).toMatch(/no fault \d+ 0 \d+ all 2 \d+ 1 \d+/u);
  });

  test('draws steps, leaders, faults, rates and latencies in the colours of the page', () => {
    const svg = /<svg[\s\S]*<\/svg>/u.exec(page)?.[0] ?? '';
    for (const text of [
      'faults',
      'book-1',
      'eu-west 1',
      'us-east',
      'Calls per second',
      'Latency',
    ]) {
      expect(textOf(svg)).toContain(text);
    }
    const painted = svg
      // A straight line has no area to fill.
      .replaceAll(/(d="M[\d.]+ [\d.]+L[\d.]+ [\d.]+"[^>]*?) fill="[^"]*"/gu, '$1')
      .replaceAll(/<clipPath[\s\S]*?<\/clipPath>/gu, '')
      .replaceAll(/fill="[^"]*" fill-opacity="0"|stroke="[^"]*" stroke-width="0"/gu, '');
    const colours = [...painted.matchAll(/\s(?:fill|stroke)="([^"]*)"/gu)].map(([, it]) => it);
    expect(colours.length).toBeGreaterThan(50);
    expect(colours.filter((it) => it !== 'none' && !it?.startsWith('var('))).toEqual([]);
  });
});

test('verdicts come first', () => {
  expect(textOf(renderPage(runs.passed))).toContain('✓ All 19 invariants hold.');
  expect(textOf(renderPage(runs.failed))).toContain('✗ 1 of 19 invariants violated.');
  expect(textOf(renderPage(runs['cannot be decided']))).toMatch(
    /\? \d+ of 19 cannot be decided\./u,
  );
});

test('a violation is shown with its smallest witness and the faults near it', () => {
  const text = textOf(renderPage(runs.failed));
  expect(text).toContain('I4: no acknowledged outcome is lost 2 violations; the smallest witness:');
  expect(text).toMatch(
    /0\.019 s 1 ms 1 eu-west transfer run\/yacht, 5000 from \d+ to \d+ POSTED, at book 1, epoch 1, seq 7/u,
  );
  expect(text).toMatch(/book-1 7 1 [\d:.]+ transfer run\/yacht 5000 .* INSUFFICIENT_FUNDS/u);
  expect(text).toContain('near N9 replies lost eu-west 0.023 s 0.025 s');
  // The input of a client is there, as text.
  expect(text).toContain('run/</svg><script>alert("1")</script>\\u{1b}[31m&amp;');
});

test('what was not read at the end is reported', () => {
  expect(textOf(renderPage(runs['cannot be decided']))).toContain(
    'the copy of book-2 in us-east was not read',
  );
});

test('a run without any call or fault has a page as well', () => {
  const run = passedRun();
  for (const list of Object.values(run.history.operations)) list.length = 0;
  const empty = { ...run.history, faults: [], epochs: [], phases: [] };
  const page = renderPage({ ...run, history: empty, verdicts: new Map() });
  expect(badlyNested(page)).toEqual([]);
  expect(textOf(page)).toContain('? Nothing was judged.');
});

test('the page does not grow with the load', () => {
  const { history } = runs.passed;
  const spread = (calls: number) => {
    const balances = Array.from({ length: calls }, (_, index) => {
      const operation = history.operations.balances[index % 3];
      if (operation === undefined) throw new Error('the sample has reads');
      const invokedNs = (600e9 / calls) * index;
      return { ...operation, invokedNs, returnedNs: invokedNs + (1 + (index % 7)) * 1e6 };
    });
    const operations = { ...history.operations, balances };
    return renderPage({ ...runs.passed, history: { ...history, operations } });
  };
  const [small, large] = [spread(20_000), spread(100_000)];
  expect(large.length).toBeLessThan(small.length * 1.2);
});
