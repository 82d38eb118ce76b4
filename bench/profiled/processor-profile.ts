import { mkdirSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { join } from 'node:path';

export const profileFolder = join(import.meta.dirname, '..', 'results', 'profiles');

/**
 * Samples where this process spends its time, from now until it ends, and writes it to
 * `<role>-<pid>.cpuprofile`, which the developer tools of Chrome and many editors open.
 * Node's own flag for this does not reach supervised processes: they take no NODE_OPTIONS.
 */
export function profileThisProcess(role: string): void {
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.start');
  // The answer comes before `post` returns: this is the last moment that a process has.
  process.on('exit', () => {
    session.post('Profiler.stop', (error, result) => {
      if (error !== null) return;
      mkdirSync(profileFolder, { recursive: true });
      const file = join(profileFolder, `${role}-${process.pid}.cpuprofile`);
      writeFileSync(file, JSON.stringify(result.profile));
    });
  });
}
