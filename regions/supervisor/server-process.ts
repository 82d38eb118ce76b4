import { MIB } from '../../ledger/core/limits.ts';
import type { ProcessSettings } from '../config/process-settings.ts';
import { childEnvironment, compileCache } from '../processes/environment.ts';
import { checkout } from '../topology/layout.ts';
import { requirePatchedLibraries } from '../server/patched-libraries.ts';
import { type ProcessSpec, SupervisedProcess } from '../processes/supervised-process.ts';

/** A ledger server or a router, as both profiles run them. */

/** A small heap would be collected in full every second: it may grow to five times what lives. */
const LEDGER_GROWTH = ['--heap-growing-percent=400'];
/**
 * What a router keeps is small, and messages that pass through it count as growth: without the first
 * it would mark everything for every 12 MiB of them, which costs as much as all else that it does.
 * The second bounds the pause of a full collection, which takes a microsecond for each call since the
 * last one, as each leaves headers among the old objects: 10 to 15 ms. With twice of both, pauses are
 * 50 to 75 ms, and calls of 1,000 transfers cost a router a third less.
 */
const ROUTER_GROWTH = ['--initial-old-space-size=32', '--heap-growing-percent=60'];

export interface ServerOptions {
  readonly kind: 'ledger' | 'router';
  /** The entry point, a .ts file. */
  readonly program: string;
  /** Its place in the installation, see regions/server/config.ts, and what it must inherit. */
  readonly place: Readonly<Record<string, string>>;
  readonly settings: ProcessSettings;
  readonly files: Pick<ProcessSpec, 'name' | 'logFile' | 'pidFile' | 'stage' | 'onState'>;
  readonly probe: ProcessSpec['probe'];
  readonly liveness: ProcessSpec['liveness'];
}

export function describeServer(options: ServerOptions): SupervisedProcess {
  return new SupervisedProcess(serverSpec(options));
}

export function serverSpec(options: ServerOptions): ProcessSpec {
  // Here as well, for the operator to see why: what the process prints is in its log.
  requirePatchedLibraries();
  const { kind, place, settings } = options;
  const { ledgerHeapMib, routerHeapMib, startSeconds, stopSeconds, logMib } = settings.supervisor;
  const heapMib = kind === 'ledger' ? ledgerHeapMib : routerHeapMib;
  const heap = [
    // V8 uses the memory of the machine before it collects garbage, unless it is bounded.
    `--max-old-space-size=${heapMib}`,
    '--max-semi-space-size=16',
    ...(kind === 'ledger' ? LEDGER_GROWTH : ROUTER_GROWTH),
  ];
  return {
    ...options.files,
    command: process.execPath,
    args: ['--disable-warning=ExperimentalWarning', ...heap, options.program],
    env: childEnvironment({
      NODE_COMPILE_CACHE: compileCache,
      ...settings.environment[kind],
      ...place,
    }),
    logBytes: logMib * MIB,
    cwd: checkout,
    stopSignal: 'SIGTERM',
    graceMs: stopSeconds * 1_000,
    readyTimeoutMs: startSeconds * 1_000,
    probe: options.probe,
    liveness: options.liveness,
  };
}
