import { childEnvironment, compileCache } from '../processes/environment.ts';
import { checkout } from '../topology/layout.ts';
import { requirePatchedLibraries } from '../server/patched-libraries.ts';
import { type ProcessSpec, SupervisedProcess } from '../processes/supervised-process.ts';

/** A ledger server or a router, as both profiles run them. */

export interface ServerOptions {
  readonly kind: 'ledger' | 'router';
  /** The entry point, a .ts file. */
  readonly program: string;
  /** The environment contract of regions/server/config.ts, and everything else it must inherit. */
  readonly settings: Readonly<Record<string, string>>;
  readonly files: Pick<ProcessSpec, 'name' | 'logFile' | 'pidFile' | 'stage' | 'onState'>;
  readonly probe: ProcessSpec['probe'];
  readonly liveness: ProcessSpec['liveness'];
}

/**
 * V8 uses the memory of the machine before it collects garbage: a ledger server that holds
 * 140 MB would grow to 640 MB. These bound it, at the cost of about 6 % of the transfers per
 * second; live memory stays far below, see bench part f.
 */
const HEAP_FLAGS = {
  ledger: ['--max-old-space-size=320', '--max-semi-space-size=16'],
  router: ['--max-old-space-size=768', '--max-semi-space-size=16'],
};

export function describeServer(options: ServerOptions): SupervisedProcess {
  return new SupervisedProcess(serverSpec(options));
}

export function serverSpec(options: ServerOptions): ProcessSpec {
  // Here as well, for the operator to see why: what the process prints is in its log.
  requirePatchedLibraries();
  return {
    ...options.files,
    command: process.execPath,
    args: ['--disable-warning=ExperimentalWarning', ...HEAP_FLAGS[options.kind], options.program],
    env: childEnvironment({ NODE_COMPILE_CACHE: compileCache, ...options.settings }),
    cwd: checkout,
    stopSignal: 'SIGTERM',
    graceMs: 10_000,
    readyTimeoutMs: 60_000,
    probe: options.probe,
    liveness: options.liveness,
  };
}
