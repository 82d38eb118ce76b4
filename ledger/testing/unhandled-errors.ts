import { onTestFinished } from 'vitest';

/** Collects, until the test ends, the errors that nothing handles: in a server process the first is the end. */
export function unhandledErrors(): unknown[] {
  const unhandled: unknown[] = [];
  const listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => void unhandled.push(error));
  onTestFinished(() => {
    process.removeAllListeners('uncaughtException');
    for (const listener of listeners) process.on('uncaughtException', listener);
  });
  return unhandled;
}
