import { Worker } from 'node:worker_threads';
import type { LedgerBug } from './ledger-bugs.ts';
import type { SimulationOptions, SimulationResult } from './simulation.ts';

/** What a thread is started with. */
export interface SeedWorkerData {
  readonly ledgerBug: LedgerBug | undefined;
}

/** Worlds are short-lived: a large young generation avoids copying them. */
const LIMITS = { maxYoungGenerationSizeMb: 96 };

/**
 * Runs seeds in several threads of this process; each seed is a world of its own.
 *
 * @param onResult called for each, in the order in which they are done
 * @param ledgerBug wrong text to run the ledger with
 * @throws Error if the simulation itself fails, which names the seed
 */
export async function runSeeds(
  seeds: Iterable<number>,
  threads: number,
  options: SimulationOptions,
  onResult: (result: SimulationResult) => void,
  ledgerBug?: LedgerBug,
): Promise<void> {
  const left = seeds[Symbol.iterator]();
  await Promise.all(
    Array.from({ length: threads }, async () => {
      const worker = new Worker(new URL('./seed-worker.ts', import.meta.url), {
        resourceLimits: LIMITS,
        workerData: { ledgerBug } satisfies SeedWorkerData,
      });
      try {
        for (let next = left.next(); next.done !== true; next = left.next()) {
          onResult(await runIn(worker, next.value, options));
        }
      } finally {
        await worker.terminate();
      }
    }),
  );
}

type Answer =
  | { readonly result: SimulationResult; readonly failed?: undefined }
  | { readonly failed: string };

function runIn(
  worker: Worker,
  seed: number,
  options: SimulationOptions,
): Promise<SimulationResult> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => reject(error);
    worker.once('error', fail);
    worker.once('message', (answer: Answer) => {
      worker.off('error', fail);
      if (answer.failed === undefined) resolve(answer.result);
      else reject(new Error(answer.failed));
    });
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    worker.postMessage({ seed, options });
  });
}
