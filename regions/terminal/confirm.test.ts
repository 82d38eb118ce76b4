import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { confirmByTyping } from './confirm.ts';
import { ExitCode } from './failure.ts';

/** A terminal, as Node sees one: keys arrive one by one, control characters among them. */
function terminalOf(...keys: string[]) {
  const input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => {} });
  const output = Object.assign(new PassThrough(), { isTTY: true, columns: 80 });
  output.once('data', () => input.write(keys.join('')));
  return { input, output };
}

const never = new AbortController().signal;
const stopped = { exitCode: ExitCode.interrupted, message: 'Stopped.' };

test.each([
  ['eu-west-1\r', true],
  ['  eu-west-1 \r', true],
  ['eu-west\r', false],
  ['\r', false],
])('%j confirms eu-west-1: %s', async (keys, confirmed) => {
  expect(await confirmByTyping('eu-west-1', never, terminalOf(keys))).toBe(confirmed);
});

test.each([
  ['Ctrl-C', '\u0003'],
  ['Ctrl-D', '\u0004'],
  ['Ctrl-C after the name', 'eu-west-1\u0003'],
])('%s ends the command as interrupted', async (_, keys) => {
  await expect(confirmByTyping('eu-west-1', never, terminalOf(keys))).rejects.toMatchObject(
    stopped,
  );
});

test('so does the end of the input, and an abort', async () => {
  const terminal = terminalOf('eu');
  terminal.output.once('data', () => terminal.input.end());
  await expect(confirmByTyping('eu-west-1', never, terminal)).rejects.toMatchObject(stopped);
  const aborted = AbortSignal.timeout(20);
  await expect(confirmByTyping('eu-west-1', aborted, terminalOf(''))).rejects.toMatchObject(
    stopped,
  );
});
