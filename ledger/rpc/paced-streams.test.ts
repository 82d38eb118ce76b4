import { Duplex } from 'node:stream';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { pacedStreams } from './paced-streams.ts';

test('a handler takes no more of a stream while its answers are not read', async () => {
  const unread: (() => void)[] = [];
  const stream = new Duplex({
    objectMode: true,
    writableHighWaterMark: 2,
    read: () => undefined,
    write: (_message, _encoding, done) => void unread.push(done),
  });
  const taken: unknown[] = [];
  const { answer } = pacedStreams({
    answer: (asked: ServerDuplexStream<unknown, unknown>) => {
      asked.on('data', (message) => {
        taken.push(message);
        asked.write(message);
      });
    },
  });
  Reflect.apply(answer ?? (() => undefined), undefined, [stream]);
  for (let message = 0; message < 10; message += 1) stream.push({ message });
  await expect.poll(() => taken.length).toBe(2);
  const readAll = () => {
    for (const done of unread.splice(0)) done();
    return taken.length;
  };
  await expect.poll(readAll).toBe(10);
});
