import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkout } from '../../../regions/topology/layout.ts';
import { nemeses } from '../nemeses/all.ts';
import { restoredBook } from '../nemeses/restored-book.ts';
import { workloads } from '../workloads/all.ts';
import { deliberateBugs } from './all.ts';
import { withBug } from './deliberate-bug.ts';

test('there are at least twelve, each with a unique name', () => {
  expect(deliberateBugs.length).toBeGreaterThanOrEqual(12);
  expect(new Set(deliberateBugs.map(({ name }) => name)).size).toBe(deliberateBugs.length);
});

test.each(deliberateBugs)('$name fits the current source of its module', (bug) => {
  const source = readFileSync(join(checkout, bug.file), 'utf8');
  const wrong = withBug(bug, source);
  expect(wrong).not.toBe(source);
  // A syntax error would end the server, which is no bug for a checker to find.
  expect(stripTypeScriptTypes(wrong)).not.toBe('');
});

test.each(deliberateBugs)('$name is exposed by existing workloads and nemeses', (bug) => {
  expect(bug.invariants).not.toEqual([]);
  expect(bug.workloads).not.toEqual([]);
  const known = new Set([...workloads, ...nemeses, restoredBook()].map(({ name }) => name));
  expect([...bug.workloads, ...bug.nemeses].filter((name) => !known.has(name))).toEqual([]);
  const used = nemeses.filter(({ name }) => bug.nemeses.includes(name));
  expect(used.filter(({ profiles }) => !profiles.includes(bug.profile))).toEqual([]);
});

test('a bug whose text is absent, or occurs twice, is rejected', () => {
  const [bug] = deliberateBugs;
  if (bug === undefined) throw new Error('there is a bug');
  expect(() => withBug(bug, 'something else')).toThrow('0 times');
  expect(() => withBug(bug, bug.text + bug.text)).toThrow('2 times');
});

const install = join(checkout, 'chaos', 'drive', 'deliberate-bugs', 'install.ts');

/** The output of a process that imports the chain with a bug. */
function runWith(bug: string) {
  const chain = join(checkout, 'ledger', 'core', 'chain.ts');
  const script = `
    import { installBug } from ${JSON.stringify(install)};
    installBug(${JSON.stringify(bug)});
    const { chainAfter, CHAIN_START } = await import(${JSON.stringify(chain)});
    const other = Buffer.alloc(32, 1);
    console.log(chainAfter(CHAIN_START, []).equals(chainAfter(other, [])));`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
}

test('a process has the installed bug, and no other', () => {
  expect(runWith('break-the-chain')).toMatchObject({ status: 0, stdout: 'true\n' });
  expect(runWith('drop-a-leg')).toMatchObject({ status: 0, stdout: 'false\n' });
});

test('an unknown bug ends the process', () => {
  expect(runWith('no-such-bug')).toMatchObject({
    status: 1,
    stderr: 'there is no bug no-such-bug\n',
  });
});

test('no shipped code refers to deliberate bugs', () => {
  const asked = [
    'grep',
    '-rlE',
    'deliberate-bugs|installBug',
    'ledger',
    'router',
    'proto',
    'regions',
  ];
  const found = spawnSync('git', ['-C', checkout, ...asked], { encoding: 'utf8' });
  expect(found).toMatchObject({ status: 1, stdout: '' });
});
