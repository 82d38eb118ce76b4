import { BookServiceClient, type Topology } from '../../proto/gen/meridian/internal/v1/book.ts';
import { probeHealth } from '../processes/probes.ts';
import type { LedgerFacts } from './facts.ts';
import { QUESTION_MS } from './within.ts';
import { channelTo } from '../links/known-links.ts';

/** Returns what the ledger server at HOST:PORT reports. Throws when it does not answer. */
export async function askLedger(address: string): Promise<LedgerFacts> {
  const [topology, serving] = await Promise.all([
    askTopology(address),
    probeHealth(address, QUESTION_MS).catch(() => false),
  ]);
  const { epoch, leading, clockAlarm, partitionAlarms } = topology;
  return { epoch: Number(epoch), leading, serving, clockAlarm, partitionAlarms };
}

/** Returns the first message of its topology stream. Throws when it does not answer. */
export function askTopology(address: string): Promise<Topology> {
  const client = new BookServiceClient(address, channelTo(address, 'ledger'), {
    // A connection of its own: a shared one would wait out the pause of a failed attempt.
    'grpc.use_local_subchannel_pool': 1,
  });
  return new Promise((resolve, reject) => {
    const stream = client.watchTopology({}, { deadline: Date.now() + QUESTION_MS * 2 });
    stream.once('data', (topology: Topology) => {
      resolve(topology);
      stream.cancel();
      client.close();
    });
    stream.on('error', (error) => {
      reject(error);
      client.close();
    });
  });
}
