import { Metadata, status } from '@grpc/grpc-js';
import { accountId } from '../../../ledger/core/account-id.ts';
import { GetAccountRequest } from '../../../proto/gen/meridian/v1/account.ts';
import { LedgerServiceClient } from '../../../proto/gen/meridian/v1/ledger.ts';
import { ReadLevel } from '../../../proto/gen/meridian/v1/position.ts';
import { StreamTransfersRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import { profiles } from '../installation/installation.ts';
import { type Breaking, strikeWith } from './breaking.ts';
import type { Nemesis } from './nemesis.ts';
import { aLeader, always, aRegion, ownRandom } from './targets.ts';
import { channelTo } from '../../../regions/links/known-links.ts';

const EVERY_MS = 10;
/** Several calls each time, so that more than one expires on any machine. */
const CALLS = 4;
/** A read at LINEARIZABLE takes a commit: these expire on the way, at a router or ledger server. */
const DEADLINE_MS = [1, 5] as const;
/** How often a transfer is sent on the stream of the same connection. */
const POST_EVERY_MS = 200;

/**
 * Callers reset the streams of expired calls, and a server closes a connection on which that
 * happens too often, with all other calls on it. It harms nothing: a call that is not answered
 * meanwhile convicts the servers.
 */
export const expiredCalls: Nemesis = {
  name: 'expired-calls',
  place: 'N52',
  description:
    'more than 100 reads per second through a router have deadlines too short to meet, on the connection ' +
    'of a stream of transfers',
  profiles,
  lastsMs: [30_000, 60_000],
  alone: false,
  whyNot: always,
  aim: (scene) => {
    const region = aRegion(scene);
    const { book, home } = aLeader(scene);
    const random = ownRandom(scene.random);
    const router = scene.installation.state().regions.find(({ name }) => name === region);
    if (router === undefined) throw new Error(`${region} has no router`);
    const client = new LedgerServiceClient(
      router.routerAddress,
      channelTo(router.routerAddress, 'router'),
      {
        'grpc.use_local_subchannel_pool': 1,
        'grpc.enable_retries': 0,
      },
    );
    let expired = 0;
    let answers = 0;
    let breaks = 0;
    /** The stream must outlast the calls around it: each break is counted. */
    const post = (over: AbortSignal) => {
      const stream = client.streamTransfers();
      stream.on('data', () => {
        answers += 1;
      });
      stream.on('error', () => {
        if (!over.aborted) breaks += 1;
      });
      return stream;
    };
    const ask = () => {
      const request = GetAccountRequest.fromPartial({
        id: accountId(book, 1),
        options: { level: ReadLevel.LINEARIZABLE },
      });
      const deadline = Date.now() + random.between(...DEADLINE_MS);
      client.getAccount(request, new Metadata(), { deadline }, (error) => {
        if (error?.code === status.DEADLINE_EXCEEDED) expired += 1;
      });
    };
    const begin = ({ goOn, over, pause }: Breaking) => {
      goOn(async () => {
        let stream = post(over);
        let sequence = 0n;
        for (let time = 0; !over.aborted; time += 1) {
          for (let one = 0; one < CALLS; one += 1) ask();
          if (time % (POST_EVERY_MS / EVERY_MS) === 0) {
            if (stream.destroyed) stream = post(over);
            sequence += 1n;
            // A malformed transfer is answered, and moves nothing.
            stream.write(StreamTransfersRequest.fromPartial({ sequence, transfer: {} }));
          }
          await pause(EVERY_MS);
        }
      });
    };
    const finish = () => {
      client.close();
      scene.report(
        `${expired} calls expired; the stream on their connection gave ${answers} answers and broke ` +
          `${breaks} times`,
      );
      return Promise.resolve();
    };
    const targets = [`${region}/router`, `${home}/ledger`];
    return Promise.resolve(strikeWith(scene, { targets, harms: [], begin, finish }));
  },
};
