import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { testFolder } from '../testing/folder.ts';
import { requirePatchedLibraries, sha256, unpatchedFile } from './patched-libraries.ts';

test('a file that differs from that of the build is found, and so is one that is missing', () => {
  const root = testFolder();
  const file = join(root, '@scope', 'library', 'src', 'code.js');
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, 'patched');
  const build = { commit: '', patched: { '@scope/library/src/code.js': sha256(file) } };
  const find = () => unpatchedFile(build, (library) => join(root, library));
  expect(find()).toBeUndefined();
  writeFileSync(file, 'as published');
  expect(find()).toBe(file);
  const other = { commit: '', patched: { 'plain/code.js': '00' } };
  expect(unpatchedFile(other, (library) => join(root, library))).toBe(join(root, 'plain/code.js'));
});

test('a checkout, whose patches the set-up checks, is not asked', () => {
  expect(requirePatchedLibraries()).toBeUndefined();
});
