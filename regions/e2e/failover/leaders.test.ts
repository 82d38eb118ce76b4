import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { Leaders } from '../../../ledger/rpc/leaders.ts';
import { openLink } from '../../faults/link.ts';
import { StandInServer } from '../../../router/testing/stand-in-server.ts';
import { insecureLinks } from '../../../ledger/rpc/tls/credentials.ts';

/** Which server leads a book, as reported by servers on real sockets. */

async function server(region: string, port = 0): Promise<StandInServer> {
  const started = await new StandInServer(region).start(port);
  onTestFinished(() => started.stop());
  return started;
}

function leadersOf(addresses: readonly string[], region = ''): Leaders {
  const leaders = new Leaders(addresses, insecureLinks, region);
  onTestFinished(() => leaders.close());
  return leaders;
}

const eventually = (actual: () => unknown, timeout = 2_000) =>
  expect.poll(actual, { timeout, interval: 10 });

test('the highest epoch leads, and an older one never again', async () => {
  const [zombie, leader] = [await server('eu-west'), await server('us-east')];
  zombie.lead(5);
  const leaders = leadersOf([zombie.address, leader.address]);
  const leading = () => leaders.leaderOf(1)?.address;
  await eventually(leading).toBe(zombie.address);

  // Both report that they lead.
  leader.lead(6);
  await eventually(leading).toBe(leader.address);
  zombie.lead(5);
  await sleep(50);
  expect(leading()).toBe(leader.address);

  // Not even while the new leader is silent, nor when the zombie reports again.
  leader.stop();
  await eventually(leading).toBeUndefined();
  zombie.hangUp();
  await eventually(() => leaders.copiesOf(1).length).toBe(0);
  await eventually(() => leaders.copiesOf(1).length).toBe(1);
  expect(leading()).toBeUndefined();

  // The new leader is back in its epoch; then the former one leads in a newer one.
  const again = await server('us-east', leader.port);
  again.lead(6);
  await eventually(leading).toBe(leader.address);
  zombie.lead(7);
  await eventually(leading).toBe(zombie.address);
});

test('replicas are in the order of their distance, the leader of another region last', async () => {
  const [eu, us, ap] = [await server('eu-west'), await server('us-east'), await server('ap-south')];
  eu.lead(1);
  const addresses = [eu.address, us.address, ap.address];
  const leaders = leadersOf(addresses, 'ap-south');
  const copies = () => leaders.copiesOf(1).map(({ address }) => address);
  await eventually(copies).toEqual([ap.address, us.address, eu.address]);
  us.lead(2);
  eu.lead(0);
  await eventually(copies).toEqual([ap.address, eu.address, us.address]);
  expect(leaders.copiesOf(2)).toEqual([]);
  ap.stop();
  await eventually(copies).toEqual([eu.address, us.address]);
});

test('a leader behind a dead link is given up within seconds, and found again', async () => {
  const leader = await server('eu-west');
  leader.lead(3);
  const link = await openLink({ port: 0, targetPort: leader.port });
  onTestFinished(() => link.close());
  const leaders = leadersOf([`127.0.0.1:${link.port}`]);
  const epoch = () => leaders.leaderOf(1)?.epoch;
  await eventually(epoch).toBe(3);
  link.cut('blackhole');
  await sleep(2_000);
  // Silence alone proves nothing.
  expect(epoch()).toBe(3);
  await eventually(epoch, 6_000).toBeUndefined();
  link.heal();
  await eventually(epoch, 4_000).toBe(3);
});

test('a connection that opens and stays silent is given up', async () => {
  // Accepts connections and never answers, like a frozen process or a dead link.
  const silent = createServer();
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const address = silent.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const sockets = new Set<{ destroy(): void }>();
  silent.on('connection', (socket) => sockets.add(socket));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  const leaders = leadersOf([`127.0.0.1:${port}`]);
  await eventually(() => sockets.size).toBe(1);
  // The sockets stay open and silent; what listens on the port is another server now.
  silent.close();
  const leader = await server('eu-west', port);
  leader.lead(1);
  await eventually(() => leaders.leaderOf(1)?.epoch, 5_000).toBe(1);
  expect(sockets.size).toBe(1);
});

test('an address may be a name', async () => {
  const leader = await server('eu-west');
  leader.lead(4);
  const leaders = leadersOf([`localhost:${leader.port}`]);
  await eventually(() => leaders.leaderOf(1)?.epoch).toBe(4);
  expect(leaders.leaderOf(1)?.address).toBe(`localhost:${leader.port}`);
});
