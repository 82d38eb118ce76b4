import { AsyncLocalStorage } from 'node:async_hooks';

import { runCommand } from '../cli/program.ts';
import { type Ended, Meridian } from './meridian.ts';

interface Printed {
  out: string;
  err: string;
}

/** What the command prints that the present code belongs to. */
const printing = new AsyncLocalStorage<Printed>();

collect(process.stdout, 'out');
collect(process.stderr, 'err');

/** From now on what commands write to the stream is collected; the rest is written as before. */
function collect(stream: NodeJS.WriteStream, name: keyof Printed): void {
  const write = stream.write.bind(stream);
  stream.write = (chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
    const printed = printing.getStore();
    if (printed === undefined) return Boolean(Reflect.apply(write, stream, [chunk, ...rest]));
    printed[name] += Buffer.from(chunk).toString('utf8');
    const onWritten = rest.at(-1);
    if (typeof onWritten === 'function') setImmediate(() => void onWritten());
    return true;
  };
}

/**
 * Runs `meridian` commands in the process of the test: the same code with the same output and exit codes,
 * without the third of a second of processor time that a process takes to load it. For files with
 * hundreds of commands; that a command is a process is tested in regions/cli/program.test.ts.
 */
export class MeridianHere extends Meridian {
  override async run(...args: string[]): Promise<Ended> {
    const printed: Printed = { out: '', err: '' };
    const { signal } = new AbortController();
    const code = await printing.run(printed, () => runCommand(this.withData(args), signal));
    return { code, ...printed };
  }
}
