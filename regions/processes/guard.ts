import { stopLeftovers } from './leftovers.ts';

/**
 * A process that outlives its supervisor for a moment. It holds the reading end of a pipe whose
 * writing end only the supervisor has; when the supervisor ends for any reason, SIGKILL included,
 * the pipe closes and the guard stops the children that were left behind.
 * Arguments: the folder of the pid files, the pid of the supervisor.
 */

const [folder, owner] = process.argv.slice(2);
if (folder === undefined || owner === undefined) {
  throw new Error('usage: guard.ts FOLDER-OF-PID-FILES SUPERVISOR-PID');
}

// The supervisor decides when the guard ends; a signal to the whole session does not.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

for await (const _ of process.stdin) {
  // Nothing is ever sent: only the end of the stream matters.
}
await stopLeftovers(folder, Number(owner));
