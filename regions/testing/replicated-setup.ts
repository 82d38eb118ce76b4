import { existsSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { keepScratchFolder, makeScratchFolder } from '../../ledger/testing/scratch-folder.ts';
import { findFreeBase } from '../processes/ports.ts';
import { startReplicatedCluster } from '../supervisor/replicated/replicated-cluster.ts';
import { nearbyTopology } from './replicated-profile.ts';

/** The replicated installation that tests share (shared-installation.ts). */
export interface SharedPlace {
  readonly dataDir: string;
  /** Answers over HTTP when it is ready; with the text of an error if it failed. */
  readonly socket: string;
  /** A test that has failed leaves this file, and all data is kept. */
  readonly failedFile: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    replicated: SharedPlace;
  }
}

/**
 * Starts one replicated installation for the tests of the `replicated` project that break it, and
 * stops it after the last. It starts when the first test asks for it: until then, the others have
 * the machine to themselves.
 */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const folder = makeScratchFolder('replicated');
  const place: SharedPlace = {
    dataDir: join(folder, 'data'),
    socket: join(folder, 'start.sock'),
    failedFile: join(folder, 'failed'),
  };
  const start = async () =>
    startReplicatedCluster({
      dataDir: place.dataDir,
      basePort: await findFreeBase(),
      topology: nearbyTopology,
    });
  let starting: ReturnType<typeof start> | undefined;
  const server = createServer((_, reply) => {
    starting ??= start();
    starting.then(
      () => reply.end(),
      (error: unknown) => reply.end(String(error)),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(place.socket, resolve);
  });
  project.provide('replicated', place);
  return async () => {
    server.close();
    const installation = await starting?.catch(() => undefined);
    await installation?.stop();
    if (existsSync(place.failedFile))
      process.stderr.write(`kept for you: ${keepScratchFolder(folder)}\n`);
    else rmSync(folder, { recursive: true, force: true });
  };
}
