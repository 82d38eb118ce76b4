import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { testFolder } from '../testing/folder.ts';
import { serveControl } from '../processes/control-socket.ts';
import { connectFaults, faultHandlers } from './control.ts';
import type { Faults } from './faults.ts';

/** Records its calls. */
class AskedFaults implements Faults {
  readonly asked: unknown[][] = [];
  failure: Error | undefined;

  signal = this.#remember('signal');
  stop = this.#remember('stop');
  start = this.#remember('start');
  loseRegion = this.#remember('loseRegion');
  restoreRegion = this.#remember('restoreRegion');
  cut = this.#remember('cut');
  heal = this.#remember('heal');
  delay = this.#remember('delay');

  #remember(what: string) {
    return (...args: unknown[]): Promise<void> => {
      this.asked.push([what, ...args]);
      return this.failure === undefined ? Promise.resolve() : Promise.reject(this.failure);
    };
  }
}

async function connected(): Promise<{ asked: AskedFaults; faults: Faults; path: string }> {
  const path = join(testFolder(), 'control.sock');
  const asked = new AskedFaults();
  const server = await serveControl(path, faultHandlers(asked));
  onTestFinished(() => void server.close());
  return { asked, faults: connectFaults(path), path };
}

test('every fault arrives as requested', async () => {
  const { asked, faults } = await connected();
  await faults.signal('eu-west/postgres-us-east-1', 'SIGSTOP');
  await faults.stop('eu-west/etcd');
  await faults.start('eu-west/etcd');
  await faults.loseRegion('eu-west');
  await faults.restoreRegion('eu-west');
  await faults.cut('eu-west', 'us-east', 'blackhole');
  await faults.cut('eu-west', 'us-east', 'lost_replies');
  await faults.heal('eu-west', 'us-east');
  await faults.delay('eu-west', 'us-east', 300);
  await faults.delay('eu-west', 'us-east', undefined);
  expect(asked.asked).toEqual([
    ['signal', 'eu-west/postgres-us-east-1', 'SIGSTOP'],
    ['stop', 'eu-west/etcd'],
    ['start', 'eu-west/etcd'],
    ['loseRegion', 'eu-west'],
    ['restoreRegion', 'eu-west'],
    ['cut', 'eu-west', 'us-east', 'blackhole'],
    ['cut', 'eu-west', 'us-east', 'lost_replies'],
    ['heal', 'eu-west', 'us-east'],
    ['delay', 'eu-west', 'us-east', 300],
    ['delay', 'eu-west', 'us-east', undefined],
  ]);
});

test('an error at the supervisor is returned to its client', async () => {
  const { asked, faults } = await connected();
  asked.failure = new Error('there is no process eu-west/gone');
  await expect(faults.stop('eu-west/gone')).rejects.toThrow('there is no process eu-west/gone');
});

test('a socket that a killed supervisor left is replaced; one that no process serves is an error', async () => {
  const { path } = await connected();
  const again = new AskedFaults();
  const server = await serveControl(path, faultHandlers(again));
  await connectFaults(path).heal('eu-west', 'us-east');
  expect(again.asked).toHaveLength(1);
  await new Promise((resolve) => {
    server.close(resolve);
  });
  await expect(connectFaults(path).heal('eu-west', 'us-east')).rejects.toThrow(
    /ENOENT|ECONNREFUSED|EPIPE/u,
  );
});
