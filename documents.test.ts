import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import manifest from './package.json' with { type: 'json' };

/** The promises of the documents and of the released protocol, compared with the repository. */

const root = import.meta.dirname;
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '');

const text = (file: string) => readFileSync(path.join(root, file), 'utf8');
const documents = files.filter((file) => file.endsWith('.md'));
/** Written by hand; this file names the words. */
const sources = files.filter(
  (file) =>
    /\.(?:ts|mjs|py|proto|sql)$/u.test(file) &&
    !file.startsWith('proto/gen/') &&
    file !== 'documents.test.ts',
);

describe('documents', () => {
  test('every relative link leads to a file, and every anchor to a heading', () => {
    const wrong: string[] = [];
    for (const file of documents) {
      for (const [, link = ''] of text(file).matchAll(/\]\(([^)\s]+)\)/gu)) {
        if (/^[a-z]+:/u.test(link)) continue;
        const [target = '', anchor] = link.split('#');
        const found = target === '' ? file : path.join(path.dirname(file), target);
        const isThere = files.some((name) => name === found || name.startsWith(`${found}/`));
        if (!isThere) wrong.push(`${file}: ${link}`);
        else if (anchor !== undefined && !anchorsOf(found).includes(anchor)) {
          wrong.push(`${file}: ${link} (no such heading)`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  test('every npm script that a document names exists', () => {
    const wrong = documents.flatMap((file) =>
      [...text(file).matchAll(/npm run ([a-z][a-z:-]*)/gu)]
        .map(([, name = '']) => name)
        .filter((name) => !(name in manifest.scripts))
        .map((name) => `${file}: npm run ${name}`),
    );
    expect(wrong).toEqual([]);
  });

  test('documents and sources use the words of the word list in CONTRIBUTING.md', () => {
    const words = wordsToAvoid();
    expect(words).toContain('whoever');
    const pattern = new RegExp(`\\b(?:${words.join('|')})\\b`, 'giu');
    const wrong = [...documents, ...sources].flatMap((file) =>
      text(file)
        .split('\n')
        // The list itself, and what a program prints.
        .filter((line) => !line.startsWith('| ~'))
        .map((line) => (file.endsWith('.md') ? line.replaceAll(/`[^`]*`/gu, '') : line))
        .flatMap((line) => line.match(pattern) ?? [])
        .map((word) => `${file}: ${word}`),
    );
    expect(wrong).toEqual([]);
  });

  test('the change log begins with what is not released yet', () => {
    const headings = text('CHANGELOG.md').match(/^#{2,3} .*$/gmu) ?? [];
    expect(headings.slice(0, 4)).toEqual([
      '## Unreleased',
      '### Safety and performance',
      '### Features',
      '### Internals',
    ]);
  });
});

test('package.json, set-up and command agree on the oldest Node, .nvmrc on the best', () => {
  const oldest = (file: string) => /oldestNode = \[(\d+), (\d+)\]/u.exec(text(file))?.slice(1);
  const scripts = files.filter((file) => file.endsWith('.mjs') && oldest(file) !== undefined);
  expect(scripts.length).toBeGreaterThan(0);
  const best = `(${text('.nvmrc').trim()} is best)`;
  for (const file of scripts) {
    const engines = `>=${oldest(file)?.join('.')}`;
    expect({ file, engines }).toEqual({ file, engines: manifest.engines.node });
    expect(text(file)).toContain(best);
  }
});

describe('buf breaking against the last release', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'meridian-proto-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(path.join(root, 'proto'), folder, { recursive: true });

  function breaking() {
    const buf = path.join(root, 'node_modules', '.bin', 'buf');
    const args = ['breaking', '--against', 'released.binpb'];
    const { status, stdout } = spawnSync(buf, args, { cwd: folder, encoding: 'utf8' });
    return { status, stdout };
  }

  test('finds nothing in the protocols as they are', () => {
    expect(breaking()).toEqual({ status: 0, stdout: '' });
  });

  test.each(['meridian/v1/account.proto', 'meridian/internal/v1/book.proto'])(
    'finds a field that is removed from %s',
    (name) => {
      const file = path.join(folder, name);
      const source = readFileSync(file, 'utf8');
      const field = /\n {2}(?:repeated )?[\w.]+ \w+ = 2;/u.exec(source)?.[0] ?? '';
      writeFileSync(file, source.replace(field, ''));
      const { status, stdout } = breaking();
      writeFileSync(file, source);
      expect({ status, stdout }).toEqual({
        status: 100,
        stdout: expect.stringContaining(`${name}:`),
      });
    },
  );
});

/** The anchors of a document's headings, as GitHub forms them. */
function anchorsOf(file: string): string[] {
  return [...text(file).matchAll(/^#{1,6} (.*)$/gmu)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** First cells of the table of words in CONTRIBUTING.md, without their mark. */
function wordsToAvoid(): string[] {
  const rows = [...text('CONTRIBUTING.md').matchAll(/^\| ~([^|]+)\|/gmu)];
  return rows.flatMap(([, cell = '']) =>
    cell.split(',').map((word) => word.replace('~', '').trim()),
  );
}
