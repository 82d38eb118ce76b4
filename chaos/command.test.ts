import { CommanderError } from 'commander';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ExitCode } from '../regions/terminal/failure.ts';
import { chaosCommand, type Options } from './chaos-command.ts';
import { execute } from './run/execute.ts';
import { nemeses } from './drive/nemeses/all.ts';
import { makeRunFolder } from './run/run-folder.ts';

async function parsed(...args: string[]): Promise<Options> {
  let found: Options | undefined;
  const command = chaosCommand((options) => {
    found = options;
    return Promise.resolve();
  }).configureOutput({ writeErr: () => {} });
  await command.parseAsync(args, { from: 'user' });
  if (found === undefined) throw new Error('the command was not run');
  return found;
}

function withFolder(use: (folder: string) => Promise<void> | void): () => Promise<void> {
  return async () => {
    const folder = mkdtempSync(join(tmpdir(), 'meridian-command-'));
    try {
      await use(folder);
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
}

describe('refused before anything is started', () => {
  test.each([
    ['--data', 'somewhere', '--bug', 'break-the-chain'],
    ['--data', 'somewhere', '--profile', 'embedded'],
    ['--judge', 'a-run', '--seed', '1'],
    ['--judge', 'a-run', '--out', 'elsewhere'],
    ['--out', ''],
    ['--data', ' '],
  ])('%s %s %s %s', async (...args) => {
    await expect(parsed(...args)).rejects.toThrow(CommanderError);
  });

  test(
    'a nemesis that the profile rules out',
    withFolder(async (out) => {
      const replicated = nemeses.find(({ profiles }) => !profiles.includes('embedded'));
      const options = await parsed('--nemesis', replicated?.name ?? '', '--out', out);
      await expect(execute(options, new AbortController().signal)).rejects.toMatchObject({
        exitCode: ExitCode.usage,
        message: expect.stringContaining('does not apply to the embedded profile'),
      });
      expect(readdirSync(out)).toEqual([]);
    }),
  );

  test(
    'a folder that cannot be written to',
    withFolder((out) => {
      const file = join(out, 'file');
      writeFileSync(file, '');
      for (const wrong of [file, join(file, 'below'), '/proc/nope']) {
        expect(() => makeRunFolder(wrong, 1)).toThrow(`cannot write to ${wrong}`);
      }
      const made = join(out, 'made', 'new');
      const folders = Array.from({ length: 3 }, () => makeRunFolder(made, 1));
      expect(new Set(folders).size).toBe(3);
      expect(readdirSync(made)).toHaveLength(3);
    }),
  );
});

test('an installation of a user goes without a profile, and has the one that it has', async () => {
  expect(await parsed('--data', 'somewhere', '--yes')).toMatchObject({ data: 'somewhere' });
  expect(await parsed('--judge', 'a-run', '--json')).toMatchObject({ judge: 'a-run', json: true });
});
