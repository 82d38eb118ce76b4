import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { testFolder } from '../testing/folder.ts';
import {
  CommandRefused,
  controlSocket,
  type ControlHandler,
  sendControl,
  serveControl,
} from './control-socket.ts';

async function serving(
  handlers: Readonly<Record<string, ControlHandler>>,
  path = join(testFolder(), 'control.sock'),
): Promise<string> {
  const server = await serveControl(path, handlers);
  onTestFinished(() => void server.close());
  return path;
}

test('a command has its progress reported as it comes, and then a result', async () => {
  const path = await serving({
    '/count': async (command, report) => {
      report('one');
      await new Promise((resolve) => setTimeout(resolve, 20));
      report({ two: 2 });
      return { counted: command };
    },
  });
  const seen: unknown[] = [];
  const result = await sendControl(path, '/count', { to: 2 }, (progress) => seen.push(progress));
  expect(result).toEqual({ counted: { to: 2 } });
  expect(seen).toEqual(['one', { two: 2 }]);
});

test('a refusal is distinguished from a failure, and an unknown command is an error', async () => {
  const path = await serving({
    '/refuse': () => Promise.reject(new CommandRefused('it is not allowed')),
    '/fail': () => Promise.reject(new Error('it did not work')),
  });
  await expect(sendControl(path, '/refuse', {})).rejects.toThrow(CommandRefused);
  await expect(sendControl(path, '/fail', {})).rejects.not.toThrow(CommandRefused);
  await expect(sendControl(path, '/fail', {})).rejects.toThrow('it did not work');
  await expect(sendControl(path, '/other', {})).rejects.toThrow('no commands at /other');
});

test('a folder that is too deep for a socket has it elsewhere, always in the same place', async () => {
  const deep = join(testFolder(), 'x'.repeat(120), 'run');
  const path = controlSocket(deep);
  expect(controlSocket(deep)).toBe(path);
  expect(controlSocket(`${deep}2`)).not.toBe(path);
  await serving({ '/ping': () => Promise.resolve('pong') }, path);
  expect(await sendControl(path, '/ping', {})).toBe('pong');
  expect(controlSocket('/data/run')).toBe('/data/run/control.sock');
});
