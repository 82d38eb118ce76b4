import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import lock from './package-lock.json' with { type: 'json' };
import manifest from './package.json' with { type: 'json' };

/** The repository's own rules, which no linter knows. */

const root = import.meta.dirname;
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => /\.(ts|mjs)$/u.test(file) && !file.startsWith('proto/gen/'));

const text = (file: string) => readFileSync(path.join(root, file), 'utf8');

/** Paths of the relative imports of a file, from the root. */
function imports(file: string): string[] {
  const found = text(file).matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/gu);
  return [...found].map(([, target = '']) => path.join(path.dirname(file), target));
}

/** What each top-level folder may import besides itself: arrows point left. */
const layers: Record<string, readonly string[]> = {
  proto: [],
  ledger: ['proto'],
  router: ['proto', 'ledger'],
  regions: ['proto', 'ledger', 'router'],
  chaos: ['proto', 'ledger', 'router', 'regions'],
  bench: ['proto', 'ledger', 'router', 'regions'],
};

/** The parts of the ledger that the router may use: what a client of a ledger server needs. */
const openToRouter = ['ledger/core/', 'ledger/rpc/', 'ledger/logger.ts'];

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
    const { name, version, license, bin, engines } = manifest;
    const { dependencies, devDependencies, optionalDependencies } = manifest;
    expect(lock.packages['']).toEqual({
      name,
      version,
      license,
      bin,
      engines,
      dependencies,
      devDependencies,
      optionalDependencies,
      // npm adds it where there is a script of its own to run, such as postinstall.
      hasInstallScript: true,
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
    expect(wrong).toEqual([]);
  });

  test('the router uses only those parts of the ledger that are open to it', () => {
    const wrong = files
      .filter((file) => file.startsWith('router/') && !file.endsWith('.test.ts'))
      .flatMap((file) => imports(file).map((target) => `${file} -> ${target}`))
      .filter((line) => line.includes('-> ledger/'))
      .filter((line) => !openToRouter.some((open) => line.includes(`-> ${open}`)));
    expect(wrong).toEqual([]);
  });

  test('ledger/core is pure: no I/O, clock, randomness, waiting or logger', () => {
    const banned =
      /\bawait\b|\basync\b|Date\.now|new Date\b|Math\.random|performance\.|process\.|setTimeout|console\.|randomUUID|randomBytes|node:(?!crypto)|from '(?:postgres|ioredis|pino|@grpc)/u;
    const wrong = files
      .filter((file) => file.startsWith('ledger/core/') && !file.endsWith('.test.ts'))
      .filter((file) => banned.test(withoutComments(text(file))));
    expect(wrong).toEqual([]);
  });

  test('only the configuration reads the environment of a server', () => {
    const wrong = files
      .filter((file) => /^(ledger|router)\//u.test(file) && !file.endsWith('.test.ts'))
      .filter((file) => withoutComments(text(file)).includes('process.env'));
    expect(wrong).toEqual([]);
  });

  test('files stay small', () => {
    const long = files.filter((file) => text(file).split('\n').length > 500);
    expect(long).toEqual([]);
  });

  test('files are named for what they hold, and there are no barrels', () => {
    const vague = /(?:^|\/)(?:utils?|helpers?|common|misc|manager|index)\.ts$/u;
    expect(files.filter((file) => vague.test(file))).toEqual([]);
    expect(files.filter((file) => /[A-Z_]/u.test(path.basename(file)))).toEqual([]);
  });

  test('every dependency is pinned exactly', () => {
    const versions = [
      manifest.dependencies,
      manifest.devDependencies,
      manifest.optionalDependencies,
    ].flatMap((kind) => Object.entries(kind));
    expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/u.test(version))).toEqual(
      [],
    );
  });

  test('every command that the README shows exists', () => {
    const shown = [...text('README.md').matchAll(/npm (?:run )?([a-z][a-z:-]*)/gu)]
      .map(([, name = '']) => name)
      .filter((name) => !['ci', 'install', 'packages', 'script', 'scripts'].includes(name));
    expect(shown.filter((name) => !(name in manifest.scripts))).toEqual([]);
  });
});

function withoutComments(source: string): string {
  return source.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gmu, '');
}
