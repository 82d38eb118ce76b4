import { parentPort, workerData } from 'node:worker_threads';
import { installWrongText } from '../drive/deliberate-bugs/install.ts';
import type { SeedWorkerData } from './seed-threads.ts';
import type { SimulationOptions } from './simulation.ts';
import { standIn } from './stand-ins/load-stand-ins.ts';

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what seed-threads.ts hands over
const { ledgerBug } = workerData as SeedWorkerData;

/** A thread that runs the seeds it receives, one at a time, and posts the result of each. */
standIn();
if (ledgerBug !== undefined) installWrongText(ledgerBug);
const { runSeed } = await import('./simulation.ts');

async function resultOf(seed: number, options: SimulationOptions): Promise<object> {
  try {
    return { result: await runSeed(seed, options) };
  } catch (error) {
    const stack = error instanceof Error ? error.stack : undefined;
    return { failed: `seed ${seed}: ${stack ?? String(error)}` };
  }
}

async function run(seed: number, options: SimulationOptions): Promise<void> {
  const answer = await resultOf(seed, options);
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  parentPort?.postMessage(answer);
}

parentPort?.on('message', (asked: { seed: number; options: SimulationOptions }) => {
  void run(asked.seed, asked.options);
});
