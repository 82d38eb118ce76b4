import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkout } from '../../regions/topology/layout.ts';
import { runReport } from '../judge/report/report-json.ts';
import { testFolder } from '../../regions/testing/folder.ts';

/** If this run passes, no passing run means anything. */
test('a run with a bug fails, as a run of the command line', async () => {
  const out = testFolder();
  const bug = ['--bug', 'break-the-chain', '--workload', 'bank', '--nemesis', 'none'];
  const run = ['--profile', 'embedded', '--minutes', '0.05', '--seed', '1', '--out', out];
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', join(checkout, 'chaos', 'main.ts'), ...bug, ...run],
    { cwd: checkout, stdio: ['ignore', 'pipe', 'ignore'] },
  );
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
  const [code] = await once(child, 'exit');
  expect(code).toBe(1);
  expect(printed).toContain('I11');
  const [folder = ''] = readdirSync(out);
  const text = readFileSync(join(out, folder, 'report.json'), 'utf8');
  const { verdict, verdicts } = runReport.parse(JSON.parse(text));
  expect(verdict).toBe('fail');
  expect(verdicts['I11']?.state).toBe('fail');
}, 240_000);
