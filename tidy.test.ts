import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import lock from './package-lock.json' with { type: 'json' };
import manifest from './package.json' with { type: 'json' };
import ownNode from './regions/node/package.json' with { type: 'json' };
import config from './vitest.config.ts';

/** The repository's own rules, which no linter knows. */

const root = import.meta.dirname;
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => /\.(ts|mjs)$/u.test(file) && !file.startsWith('proto/gen/'));

const text = (file: string) => readFileSync(path.join(root, file), 'utf8');

const known = new Set(files);

/**
 * Files that a file imports, from the root: for their types as well, when it runs (`import()`),
 * and in place of others (`vi.mock`).
 */
function readImports(file: string): string[] {
  const found = text(file).matchAll(/(?:from|import|mock)\s*\(?\s*'(\.[^']+)'/gu);
  const targets = [...found].map(([, target = '']) => path.join(path.dirname(file), target));
  return targets.filter((target) => known.has(target) || target.startsWith('proto/gen/'));
}

const importsOf = new Map(files.map((file) => [file, readImports(file)]));
const imports = (file: string): readonly string[] => importsOf.get(file) ?? [];

const isTest = (file: string) => file.endsWith('.test.ts');
/** Test support: the files in these folders, apart from the tests themselves. */
const isForTests = (file: string) => isTest(file) || /(?:^|\/)(?:test|testing|e2e)\//u.test(file);

/** What each top-level folder may import apart from itself, tests included: arrows point left. */
const layers: Record<string, readonly string[]> = {
  proto: [],
  ledger: ['proto'],
  router: ['proto', 'ledger'],
  regions: ['proto', 'ledger', 'router'],
  chaos: ['proto', 'ledger', 'router', 'regions'],
  bench: ['proto', 'ledger', 'router', 'regions'],
};

/** The parts of the ledger that the router may use: what a client of a ledger server needs. */
const openToRouter = ['ledger/core/', 'ledger/rpc/', 'ledger/backoff.ts', 'ledger/logger.ts'];

/**
 * Folders of one kind of thing, such as commands: a file there has the name of what it holds, and
 * one table, such as all.ts, lists all of them.
 */
const collections = new Set([
  'chaos/drive/deliberate-bugs',
  'chaos/drive/nemeses',
  'chaos/drive/workloads',
  'chaos/judge/checkers',
  'ledger/leader/kinds',
  'regions/cli/commands',
  'regions/drills/scenarios',
  'regions/operator/changes',
]);

/** Names that a tool or the runtime expects, wherever the file is. */
const fixedNames = new Set(['main.ts', 'vitest.config.ts']);

const isNamedByItsFolder = (file: string) =>
  collections.has(path.dirname(file)) || fixedNames.has(path.basename(file));

/** Lines of the longest function. */
const FUNCTION_LINES = 70;

/** The part of the tests' configuration that is read here. */
const testProjects = z.object({
  test: z.object({
    projects: z.array(
      z
        .object({
          test: z.object({ name: z.string(), globalSetup: z.array(z.string()).default([]) }),
        })
        .transform(({ test: project }) => project),
    ),
  }),
});

/** The part of the linter's report that is read here. */
const linted = z.object({
  diagnostics: z.array(z.object({ filename: z.string(), message: z.string() })),
  number_of_files: z.number(),
});

const folderOf = (file: string) => file.split('/')[0] ?? '';

describe('tidy', () => {
  test('what runs tests first installs what they would otherwise skip', () => {
    const scripts = new Map<string, string>(Object.entries(manifest.scripts));
    const running = [...scripts].filter(([, command]) => command.startsWith('vitest run'));
    expect(running.map(([name]) => name)).toContain('test');
    const unready = running.filter(
      ([name]) => scripts.get(`pre${name}`) !== 'node regions/setup.mjs replicated',
    );
    expect(unready).toEqual([]);
  });

  test('npm install finds nothing to change in package-lock.json', () => {
    const { name, version, license, bin, engines, workspaces } = manifest;
    const { dependencies, devDependencies, optionalDependencies, bundleDependencies } = manifest;
    expect(lock.packages['']).toEqual({
      name,
      version,
      license,
      bin,
      engines,
      workspaces,
      dependencies,
      devDependencies,
      optionalDependencies,
      bundleDependencies,
    });
  });

  test('imports point left: proto, ledger, router, regions, then chaos and bench', () => {
    const wrong: string[] = [];
    for (const file of files.filter((name) => folderOf(name) in layers)) {
      const from = folderOf(file);
      for (const target of imports(file)) {
        const to = folderOf(target);
        if (to !== from && layers[from]?.includes(to) !== true) wrong.push(`${file} -> ${target}`);
      }
    }
    const why =
      'A folder is understood, tested and shipped with what is left of it alone. Move what both ' +
      'need to the left, or hand it in as an argument.';
    expect(report(wrong, why)).toBe('');
  });

  test('what a test project starts with is no further right than its tests', () => {
    const wrong: string[] = [];
    for (const { name, globalSetup } of testProjects.parse(config).test.projects) {
      const tests = files.filter((file) => file.endsWith(`.${name}.test.ts`));
      for (const setup of globalSetup) {
        const to = folderOf(setup);
        const left = new Set(tests.map(folderOf).filter((from) => from !== to));
        for (const from of left) {
          if (layers[from]?.includes(to) !== true) wrong.push(`${name}: ${from} -> ${setup}`);
        }
      }
    }
    const why =
      'The tests of a folder must run without what is right of it. Start what they need from the ' +
      'folder of the leftmost of them.';
    expect(report(wrong, why)).toBe('');
  });

  test('no files import each other in a cycle, types included', () => {
    const why =
      'Files of a cycle can only be read, tested and changed together. Move what both need, ' +
      'often a type, to a file of its own.';
    expect(report(cycle(files, imports) ?? [], why)).toBe('');
  });

  test('in no folder do folders and files import each other in a cycle', () => {
    const parents = new Set(files.map((file) => path.dirname(file)));
    const folders = [...parents].flatMap((folder) =>
      folder.split('/').map((_, index, parts) => parts.slice(0, index + 1).join('/')),
    );
    const cycles = [...new Set(folders)].map((folder) => cycleIn(folder));
    const why =
      'The subfolders and files of a folder are layers: each imports only those below it. A file ' +
      'that closes a cycle belongs in the other folder, or what it takes from there does. Only ' +
      'tests and their fixtures may import a folder `testing` from anywhere.';
    expect(
      report(
        cycles.flatMap((found) => found ?? []),
        why,
      ),
    ).toBe('');
  });

  test('code that is not for tests imports none that is', () => {
    const wrong = files
      .filter((file) => !isForTests(file))
      .flatMap((file) => imports(file).map((target) => ({ file, target })))
      .filter(({ target }) => isForTests(target))
      // The suite judges books with the checks that the tests of the ledger use.
      .filter(
        ({ file, target }) => folderOf(file) !== 'chaos' || !target.startsWith('ledger/testing/'),
      )
      .map(({ file, target }) => `${file} -> ${target}`);
    expect(report(wrong, 'Fixtures may take short cuts that servers must not.')).toBe('');
  });

  test('the router uses only those parts of the ledger that are open to it', () => {
    const wrong = files
      .filter((file) => file.startsWith('router/') && !file.endsWith('.test.ts'))
      .flatMap((file) => imports(file).map((target) => `${file} -> ${target}`))
      .filter((line) => line.includes('-> ledger/'))
      .filter((line) => !openToRouter.some((open) => line.includes(`-> ${open}`)));
    const why =
      'A router is a client of ledger servers. What it needs apart from their protocol belongs in ' +
      `${openToRouter.join(', ')}.`;
    expect(report(wrong, why)).toBe('');
  });

  test('ledger/core is pure: no I/O, clock, randomness, waiting or logger', () => {
    const banned =
      /\bawait\b|\basync\b|Date\.now|new Date\b|Math\.random|performance\.|process\.|setTimeout|console\.|randomUUID|randomBytes|node:(?!crypto)|from '(?:postgres|ioredis|pino|@grpc)/u;
    const wrong = files
      .filter((file) => file.startsWith('ledger/core/') && !file.endsWith('.test.ts'))
      .filter((file) => banned.test(withoutComments(text(file))));
    const why =
      'What decides about money must give the same rows for the same commands: in the server, in ' +
      'the simulation and in the audit. Hand in times and random numbers as arguments.';
    expect(report(wrong, why)).toBe('');
  });

  test('only the configuration reads the environment of a server', () => {
    const wrong = files
      .filter((file) => /^(ledger|router)\//u.test(file) && !file.endsWith('.test.ts'))
      .filter((file) => withoutComments(text(file)).includes('process.env'));
    expect(
      report(wrong, 'Every setting of a server is in regions/server/config.ts, and checked there.'),
    ).toBe('');
  });

  test('files stay small', () => {
    const long = files.filter((file) => text(file).split('\n').length > 500);
    expect(
      report(long, 'A file of more than 500 lines holds several things: take one of them out.'),
    ).toBe('');
  });

  test('functions stay small', () => {
    const why =
      `A function of more than ${FUNCTION_LINES} lines does not fit on a screen: give its parts ` +
      'names. The blocks of tests are exempt: they are chapters, not functions.';
    expect(report(longFunctions(), why)).toBe('');
  });

  test('files are named for what they hold, and there are no barrels', () => {
    const vague = /(?:^|\/)(?:utils?|helpers?|common|misc|manager|index)\.ts$/u;
    const why = 'A name must state what is in the file, in lower case with hyphens.';
    expect(
      report(
        files.filter((file) => vague.test(file) || /[A-Z_]/u.test(path.basename(file))),
        why,
      ),
    ).toBe('');
  });

  test('no two exported classes or types have one name', () => {
    const exported = new Map<string, string[]>();
    for (const file of files.filter((name) => name.endsWith('.ts'))) {
      for (const [, name = ''] of text(file).matchAll(
        /^export (?:abstract )?(?:class|interface|type|enum) ([A-Z]\w*)/gmu,
      )) {
        exported.set(name, [...(exported.get(name) ?? []), file]);
      }
    }
    const double = [...exported].filter(([, places]) => places.length > 1);
    expect(report(double.map(namedIn), 'A name that means two things is looked up twice.')).toBe(
      '',
    );
  });

  test('no two files have one name', () => {
    const places = Map.groupBy(
      files.filter((file) => !isTest(file) && !isNamedByItsFolder(file)),
      (file) => path.basename(file),
    );
    const double = [...places].filter(([, own]) => own.length > 1);
    const why =
      'A file is found by its name, in an editor and in a stack trace. Say what it holds: ' +
      'sample-tally.ts, replay-tally.ts. Exempt are entry points, and folders of one kind of thing, ' +
      'whose files have the names that users give these.';
    expect(report(double.map(namedIn), why)).toBe('');
  });

  test('every dependency is pinned exactly', () => {
    const versions = [
      manifest.dependencies,
      manifest.devDependencies,
      manifest.optionalDependencies,
      ownNode.optionalDependencies,
    ].flatMap((kind) => Object.entries(kind));
    expect(
      report(
        versions.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/u.test(version)),
        'A range would install on another machine what was never tested: write the version itself.',
      ),
    ).toBe('');
  });

  test('every command that the README shows exists', () => {
    const shown = [...text('README.md').matchAll(/npm (?:run )?([a-z][a-z:-]*)/gu)]
      .map(([, name = '']) => name)
      .filter((name) => !['ci', 'install', 'pack', 'packages', 'script', 'scripts'].includes(name));
    expect(
      report(
        shown.filter((name) => !(name in manifest.scripts)),
        'README.md shows these npm scripts, and package.json has none of that name.',
      ),
    ).toBe('');
  });
});

function withoutComments(source: string): string {
  return source.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gmu, '');
}

const namedIn = ([name, places]: [string, string[]]) => `${name}: ${places.join(', ')}`;

/** The reason of a rule and its violations, a line each; '' if there are none. */
function report(broken: readonly unknown[], because: string): string {
  return broken.length === 0 ? '' : [because, ...broken.map(String)].join('\n');
}

/** The first cycle that is found, as a path that ends where it begins. */
function cycle(
  nodes: Iterable<string>,
  next: (node: string) => Iterable<string>,
): string[] | undefined {
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (node: string): string[] | undefined => {
    if (trail.includes(node)) return [...trail.slice(trail.indexOf(node)), node];
    if (done.has(node)) return undefined;
    trail.push(node);
    for (const target of next(node)) {
      const found = visit(target);
      if (found) return found;
    }
    trail.pop();
    done.add(node);
    return undefined;
  };
  for (const node of nodes) {
    const found = visit(node);
    if (found) return found;
  }
  return undefined;
}

/** A cycle of the subfolders and files of a folder, with an import for each arrow. */
function cycleIn(folder: string): string[] | undefined {
  const part = (file: string) => {
    if (!file.startsWith(`${folder}/`)) return undefined;
    const [first = '', ...rest] = file.slice(folder.length + 1).split('/');
    return rest.length === 0 ? first : `${first}/`;
  };
  const arrows = new Map<string, Map<string, string>>();
  for (const file of files) {
    const from = part(file);
    if (from === undefined) continue;
    for (const target of imports(file)) {
      const to = part(target);
      if (to === undefined || to === from || (isForTests(file) && to === 'testing/')) continue;
      const own = arrows.get(from) ?? new Map<string, string>();
      arrows.set(from, own.set(to, `${file} -> ${target}`));
    }
  }
  const found = cycle(arrows.keys(), (node) => arrows.get(node)?.keys() ?? []);
  return found?.slice(1).map((to, index) => arrows.get(found[index] ?? '')?.get(to) ?? to);
}

/** Functions outside of tests that are too long, as the linter finds them. */
function longFunctions(): string[] {
  const folder = mkdtempSync(path.join(tmpdir(), 'meridian-tidy-'));
  const rule = { 'eslint/max-lines-per-function': ['error', { max: FUNCTION_LINES }] };
  const options = {
    plugins: [],
    categories: { correctness: 'off' },
    rules: rule,
  };
  try {
    const file = path.join(folder, 'oxlint.json');
    writeFileSync(file, JSON.stringify(options));
    const args = [path.join('node_modules', '.bin', 'oxlint'), '-c', file, '--format', 'json', '.'];
    const { stdout } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
    const { diagnostics, number_of_files: seen } = linted.parse(JSON.parse(stdout));
    expect(seen).toBeGreaterThan(500);
    return diagnostics
      .filter(({ filename }) => known.has(filename) && !isTest(filename))
      .map(({ filename, message }) => `${filename}: ${message}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
