import { once } from 'node:events';
import { type ClientHttp2Session, connect } from 'node:http2';
import { gzipSync } from 'node:zlib';
import { makeClientConstructor, type ServiceError } from '@grpc/grpc-js';
import { service as healthService } from 'grpc-health-check';
import { profiles } from '../installation/installation.ts';
import { type Breaking, strikeWith } from './breaking.ts';
import type { Nemesis } from './nemesis.ts';
import { aLeader, always, aRegion, ownRandom } from './targets.ts';
import { channelTo, linksTo } from '../../../regions/links/known-links.ts';

const MIB = 1024 * 1024;
/** Pause between two bombs. */
const EVERY_MS = [20, 100] as const;
/** Unfinished messages: their claimed size, the part that is sent, and their number. */
const CLAIMED_BYTES = 15 * MIB;
const SENT_BYTES = 4 * MIB;
const UNFINISHED = 24;
const VICTIM_EVERY_MS = 20;
const VICTIM_DEADLINE_MS = 10_000;

const repeated = (bytes: readonly number[], times: number): Buffer =>
  Buffer.concat(Array.from({ length: times }, () => Buffer.from(bytes)));

const field = (number: number, content: Buffer): Buffer => {
  const head = [(number << 3) | 2];
  let { length } = content;
  for (; length > 127; length = Math.floor(length / 128)) head.push((length % 128) | 128);
  return Buffer.concat([Buffer.from([...head, length]), content]);
};

function nested(levels: number): Buffer {
  let filter: Buffer = Buffer.alloc(0);
  for (let level = 0; level < levels; level += 1) filter = field(9, filter);
  return field(3, filter);
}

const items = repeated([0x0a, 0], 1_000_000);
/** Few bytes that decode to many objects, with the method that decodes them. */
const bombs: readonly (readonly [string, Buffer])[] = [
  ['OpenAccounts', items],
  ['CreateTransfers', items],
  ['CreateTransfers', repeated([...field(1, field(15, repeated([0x0a, 0], 1_000)))], 1_000)],
  ['GetAccounts', field(1, Buffer.alloc(8 * MIB, 1))],
  ['GetTransfers', items],
  ['CreateTransfers', repeated([0x78, 1], 6 * MIB)],
  ['ListTransfers', nested(10_000)],
  ['GetAccounts', Buffer.alloc(15 * MIB)],
];

const framed = (bytes: Buffer, isCompressed: boolean, length = bytes.length): Buffer => {
  const head = Buffer.alloc(5);
  head.writeUInt8(isCompressed ? 1 : 0);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, bytes]);
};

const compressedBombs = bombs.map(
  ([method, bytes]) => [method, framed(gzipSync(bytes, { level: 9 }), true)] as const,
);

function call(session: ClientHttp2Session, service: string, method: string) {
  const stream = session.request({
    ':method': 'POST',
    ':path': `/${service}/${method}`,
    'content-type': 'application/grpc',
    'grpc-encoding': 'gzip',
    te: 'trailers',
  });
  stream.on('error', () => undefined);
  stream.resume();
  return stream;
}

/** A caller with a connection of its own whose calls need no book, and its waiting times. */
class Victim {
  readonly #client: InstanceType<ReturnType<typeof makeClientConstructor>>;
  readonly #waits: number[] = [];
  #failures = 0;

  constructor(address: string) {
    const Health = makeClientConstructor(healthService, 'grpc.health.v1.Health');
    this.#client = new Health(address, channelTo(address, 'router'), {
      'grpc.use_local_subchannel_pool': 1,
    });
  }

  ask(): void {
    const began = performance.now();
    const options = { deadline: Date.now() + VICTIM_DEADLINE_MS };
    const answer = (error: ServiceError | null) => {
      if (error !== null) this.#failures += 1;
      this.#waits.push(performance.now() - began);
    };
    const check = this.#client['check'];
    if (typeof check !== 'function') throw new TypeError('health checks have a method');
    Reflect.apply(check, this.#client, [{ service: '' }, options, answer]);
  }

  get summary(): string {
    const sorted = this.#waits.toSorted((a, b) => a - b);
    const p99 = sorted[Math.floor(sorted.length * 0.99)] ?? 0;
    return `p99 ${Math.round(p99)} ms of ${sorted.length} other calls, ${this.#failures} failed`;
  }

  close(): void {
    this.#client.close();
  }
}

/**
 * The bombs harm no other caller: a call that is not answered in time meanwhile convicts the
 * servers. A victim that needs no book reports how long it waited.
 */
export const decodeBombs: Nemesis = {
  name: 'decode-bombs',
  place: 'N51',
  description:
    'a router and a ledger server get a few kilobytes that decode to millions of items, filters ' +
    'nested thousands deep, and large messages that never end',
  profiles,
  lastsMs: [5_000, 20_000],
  alone: false,
  whyNot: always,
  aim: (scene) => {
    const region = aRegion(scene);
    const { ledgerAddress, processes } = aLeader(scene);
    const random = ownRandom(scene.random);
    const router = scene.installation.state().regions.find(({ name }) => name === region);
    if (router === undefined) throw new Error(`${region} has no router`);
    const targets = [
      [router.routerAddress, 'meridian.v1.LedgerService'],
      [ledgerAddress, 'meridian.internal.v1.BookService'],
    ] as const;
    const sessions = new Set<ClientHttp2Session>();
    const open = (address: string): ClientHttp2Session => {
      const tls = linksTo(address).connectionTo('router');
      const session = connect(`${tls === undefined ? 'http' : 'https'}://${address}`, tls);
      sessions.add(session);
      session.on('error', () => undefined);
      session.on('close', () => sessions.delete(session));
      return session;
    };
    const victims = targets.map(([address]) => new Victim(address));
    const throwBombs = async ({ over, pause }: Breaking) => {
      const connections = targets.map(([address]) => open(address));
      while (!over.aborted) {
        for (const [index, [address, service]] of targets.entries()) {
          let session = connections[index];
          if (session === undefined || session.destroyed) session = open(address);
          connections[index] = session;
          const [method, bytes] = random.pick(compressedBombs);
          call(session, service, method).end(bytes);
        }
        await pause(random.between(...EVERY_MS));
      }
    };
    const leaveUnfinished = async ({ over, pause }: Breaking) => {
      const part = framed(Buffer.alloc(SENT_BYTES, 1), false, CLAIMED_BYTES);
      while (!over.aborted) {
        const connections = targets.map(([address, service]) => [open(address), service] as const);
        for (let count = 0; count < UNFINISHED; count += 1) {
          for (const [session, service] of connections) {
            if (!session.destroyed) call(session, service, 'CreateTransfers').write(part);
          }
          await pause(50);
        }
        await pause(1_000);
        for (const [session] of connections) session.destroy();
      }
    };
    const watch = async ({ over, pause }: Breaking) => {
      while (!over.aborted) {
        for (const victim of victims) victim.ask();
        await pause(VICTIM_EVERY_MS);
      }
    };
    const begin = (breaking: Breaking) => {
      for (const course of [throwBombs, leaveUnfinished, watch]) {
        breaking.goOn(() => course(breaking));
      }
    };
    const finish = async () => {
      const closed = [...sessions].map((session) => once(session, 'close'));
      for (const session of sessions) session.destroy();
      await Promise.all(closed);
      for (const victim of victims) victim.close();
      scene.report(victims.map(({ summary }) => summary).join('; '));
    };
    const names = [`${region}/router`, processes.ledger];
    return Promise.resolve(strikeWith(scene, { targets: names, harms: [], begin, finish }));
  },
};
