import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { checkout } from '../../../regions/topology/layout.ts';
import { deliberateBugs } from './all.ts';
import { withBug, type WrongText } from './deliberate-bug.ts';

/**
 * Injects a bug into this process. Call it before the server's modules are loaded. Ends the process
 * at once when the bug does not fit: a run without it would report that it cannot be convicted.
 */
export function installBug(name: string): void {
  const bug = deliberateBugs.find((one) => one.name === name);
  if (bug === undefined) end(`there is no bug ${name}`);
  else installWrongText(bug);
}

/** The same of any text. */
export function installWrongText(bug: WrongText): void {
  const patchedUrl = pathToFileURL(join(checkout, bug.file)).href;
  registerHooks({
    load: (url, context, next) => {
      const loaded = next(url, context);
      if (url !== patchedUrl) return loaded;
      const { source } = loaded;
      const text = typeof source === 'string' ? source : new TextDecoder().decode(source);
      try {
        return { ...loaded, source: withBug(bug, text) };
      } catch (error) {
        end(String(error));
        return loaded;
      }
    },
  });
}

function end(why: string): void {
  process.stderr.write(`${why}\n`);
  process.exit(1);
}
