import { type ClientReadableStream, type ServiceError, status } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import { Leaders } from '../../ledger/rpc/leaders.ts';
import { RpcServer } from '../../ledger/rpc/server.ts';
import { type Event, SubscribeRequest } from '../../proto/gen/meridian/v1/event.ts';
import { LedgerServiceClient, LedgerServiceService } from '../../proto/gen/meridian/v1/ledger.ts';
import { Books } from '../books/books.ts';
import { type RoutedEventStream } from './routed-subscription.ts';
import { RoutedSubscriptions } from './routed-subscriptions.ts';
import { insecureLinks } from '../../ledger/rpc/tls/credentials.ts';

const MIB = 1024 * 1024;
const request = SubscribeRequest.fromPartial({ of: { $case: 'book', value: 'eu-west-1' } });

test('a connection cannot take the places of others', async () => {
  const leaders = new Leaders([], insecureLinks);
  const books = new Books([{ number: 1, name: 'eu-west-1', region: 'eu-west' }]);
  const subscriptions = new RoutedSubscriptions(books, leaders);
  const server = new RpcServer({
    listen: '127.0.0.1:0',
    security: insecureLinks,
    access: undefined,
    service: LedgerServiceService,
    serviceName: 'meridian.v1.LedgerService',
    limits: { messageBytes: MIB, connectionBytes: MIB, totalBytes: MIB },
    implementation: { subscribe: (stream: RoutedEventStream) => subscriptions.serve(stream) },
  });
  const address = `127.0.0.1:${await server.start()}`;
  const clients = [1, 2].map(
    () =>
      new LedgerServiceClient(address, insecureLinks.channelTo('router'), {
        'grpc.use_local_subchannel_pool': 1,
      }),
  );
  onTestFinished(async () => {
    subscriptions.stop();
    for (const client of clients) client.close();
    leaders.close();
    await server.stop();
  });
  const [greedy, modest] = clients;
  if (greedy === undefined || modest === undefined) throw new Error('there are two');
  const errors: ServiceError[] = [];
  const subscribe = (client: LedgerServiceClient): ClientReadableStream<Event> => {
    const stream = client.subscribe(request);
    stream.on('error', (error: ServiceError) => errors.push(error));
    return stream;
  };
  const taken = Array.from({ length: 64 }, () => subscribe(greedy));
  subscribe(greedy);
  await expect.poll(() => errors.map(({ code }) => code)).toEqual([status.RESOURCE_EXHAUSTED]);
  subscribe(modest);
  taken[0]?.cancel();
  await expect.poll(() => errors.length).toBe(2);
  subscribe(greedy);
  subscribe(greedy);
  await expect.poll(() => errors.length).toBe(3);
  expect(errors.map(({ code }) => code)).toEqual([
    status.RESOURCE_EXHAUSTED,
    status.CANCELLED,
    status.RESOURCE_EXHAUSTED,
  ]);
});
