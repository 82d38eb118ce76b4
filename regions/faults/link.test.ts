import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { type Link, type LinkOptions, openLink } from './link.ts';

/** A server behind a link; `sockets` are its ends of the connections. */
async function fixture(options: Partial<LinkOptions> = {}, echo = true) {
  const sockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    if (echo) socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const { port } = address;
  const link = await openLink({ port: 0, targetPort: port, ...options });
  onTestFinished(async () => {
    await link.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { link, sockets };
}

function dialNow(link: Link): Socket {
  const socket = connect({ port: link.port, host: '127.0.0.1', noDelay: true });
  onTestFinished(() => void socket.destroy());
  return socket;
}

async function dial(link: Link): Promise<Socket> {
  const socket = dialNow(link);
  await once(socket, 'connect');
  return socket;
}

async function ask(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  const [data] = await once(socket, 'data');
  return String(data);
}

/** Resolves to true when the connection ends within a second. */
const isReset = (socket: Socket) =>
  Promise.race([
    new Promise<boolean>((resolve) => {
      socket.on('error', () => resolve(true));
      socket.on('close', () => resolve(true));
    }),
    sleep(1_000, false),
  ]);

test('an open link passes bytes both ways, and the end of each', async () => {
  const { link } = await fixture();
  const socket = await dial(link);
  expect(await ask(socket, 'hello')).toBe('hello');
  socket.end('bye');
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk);
  expect(Buffer.concat(chunks).toString()).toBe('bye');
  await expect.poll(() => link.connections).toBe(0);
});

test('cut: existing and new connections are reset; healed: new ones pass', async () => {
  const { link } = await fixture();
  const old = await dial(link);
  await ask(old, 'x');
  const reset = isReset(old);
  link.cut('refuse');
  expect(await reset).toBe(true);
  expect(await isReset(dialNow(link))).toBe(true);
  link.heal();
  expect(await ask(await dial(link), 'again')).toBe('again');
});

test('black hole: silence for existing connections, nothing lost once it is healed', async () => {
  const { link } = await fixture();
  const old = await dial(link);
  await ask(old, 'x');
  const received: Buffer[] = [];
  old.on('data', (data) => received.push(data));
  link.cut('blackhole');
  old.write('kept');
  expect(await isReset(dialNow(link))).toBe(true);
  await sleep(200);
  expect(received).toEqual([]);
  expect(old.destroyed).toBe(false);
  link.heal();
  await expect.poll(() => Buffer.concat(received).toString()).toBe('kept');
});

const toServer = (sockets: readonly Socket[]) => {
  const [socket] = sockets;
  const received: Buffer[] = [];
  socket?.on('data', (data) => received.push(data));
  return () => Buffer.concat(received).toString();
};

test('lost requests: what is asked is held back, what is answered flows', async () => {
  const { link, sockets } = await fixture({}, false);
  const old = await dial(link);
  await expect.poll(() => sockets.length).toBe(1);
  const received = toServer(sockets);
  link.cut('lost_requests');
  old.write('request');
  const reply = once(old, 'data');
  sockets[0]?.write('reply');
  expect(String((await reply)[0])).toBe('reply');
  await sleep(200);
  expect(received()).toBe('');
  link.heal();
  await expect.poll(received).toBe('request');
});

test('lost replies: what is asked arrives, what is answered is held back', async () => {
  const { link } = await fixture();
  const old = await dial(link);
  await ask(old, 'x');
  const received: Buffer[] = [];
  old.on('data', (data) => received.push(data));
  link.cut('lost_replies');
  old.write('kept');
  await sleep(200);
  expect(received).toEqual([]);
  expect(old.destroyed).toBe(false);
  link.heal();
  await expect.poll(() => Buffer.concat(received).toString()).toBe('kept');
});

for (const mode of ['lost_requests', 'lost_replies'] as const) {
  test(`${mode}: new connections open and are as deaf until the link is healed`, async () => {
    const { link } = await fixture();
    link.cut(mode);
    const socket = await dial(link);
    const received: Buffer[] = [];
    socket.on('data', (data) => received.push(data));
    socket.write('late');
    await sleep(200);
    expect(received).toEqual([]);
    link.heal();
    await expect.poll(() => Buffer.concat(received).toString()).toBe('late');
  });
}

test('a black hole can turn into a refusal', async () => {
  const { link } = await fixture();
  const old = await dial(link);
  await ask(old, 'x');
  link.cut('blackhole');
  const reset = isReset(old);
  link.cut('refuse');
  expect(await reset).toBe(true);
});

test('the delay is added in each direction and can be changed', async () => {
  const { link } = await fixture({ delayMs: 50 });
  const socket = await dial(link);
  const timed = async () => {
    const from = performance.now();
    await ask(socket, 'x');
    return performance.now() - from;
  };
  const slowMs = await timed();
  expect(slowMs).toBeGreaterThanOrEqual(99);
  link.setDelay(0);
  expect(await timed()).toBeLessThan(slowMs);
  expect(() => link.setDelay(-1)).toThrow(/0 ms or more/u);
});

test('bytes arrive whole and in order while the delay changes', async () => {
  const { link } = await fixture({ delayMs: 5 });
  const socket = await dial(link);
  const sent = randomBytes(8 * 1024 * 1024);
  const received: Buffer[] = [];
  const done = (async () => {
    for await (const chunk of socket) received.push(chunk);
  })();
  for (let at = 0; at < sent.length; at += 256 * 1024) {
    link.setDelay((at / (256 * 1024)) % 7);
    if (!socket.write(sent.subarray(at, at + 256 * 1024))) await once(socket, 'drain');
  }
  socket.end();
  await done;
  expect(Buffer.concat(received).equals(sent)).toBe(true);
});

for (const hindrance of ['a reader that does not read', 'a delay', 'a black hole'] as const) {
  test(`${hindrance} holds the sender back instead of filling memory`, async () => {
    const delayMs = hindrance === 'a delay' ? 60_000 : 0;
    const { link, sockets } = await fixture({ delayMs }, false);
    const socket = await dial(link);
    await expect.poll(() => sockets.length).toBe(1);
    if (hindrance === 'a reader that does not read') sockets[0]?.pause();
    if (hindrance === 'a black hole') link.cut('blackhole');
    const chunk = Buffer.alloc(1024 * 1024);
    let sentBytes = 0;
    // Accepted bytes end up in the kernel's buffers and at most 1 MiB in the link.
    while (sentBytes < 256 * chunk.length) {
      const accepted = new Promise<boolean>((resolve) => {
        socket.write(chunk, () => resolve(true));
      });
      if (!(await Promise.race([accepted, sleep(500, false)]))) break;
      sentBytes += chunk.length;
    }
    expect(sentBytes).toBeLessThan(64 * chunk.length);
  });
}
