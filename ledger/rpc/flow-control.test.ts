import { connect as connectSocket, createServer, type Socket } from 'node:net';
import { connect, createServer as createHttp2, type ServerHttp2Session } from 'node:http2';
import { expect, onTestFinished, test } from 'vitest';
import { LedgerServiceService } from '../../proto/gen/meridian/v1/ledger.ts';
import { WINDOW_BYTES } from './flow-control.ts';
import { Leaders } from './leaders.ts';
import { RpcServer } from './server.ts';
import { insecureLinks } from './tls/credentials.ts';

const MIB = 1024 * 1024;

async function started() {
  const server = new RpcServer({
    listen: '127.0.0.1:0',
    security: insecureLinks,
    access: undefined,
    service: LedgerServiceService,
    serviceName: 'meridian.v1.LedgerService',
    limits: { messageBytes: 4 * MIB, connectionBytes: 4 * MIB, totalBytes: 4 * MIB },
    implementation: {},
  });
  const port = await server.start();
  onTestFinished(() => server.stop());
  return port;
}

test('a server takes a whole batch before the caller must wait for it', async () => {
  const session = connect(`http://127.0.0.1:${await started()}`);
  onTestFinished(() => session.destroy());
  await expect.poll(() => session.state.remoteWindowSize).toBe(WINDOW_BYTES);
  expect(session.remoteSettings.initialWindowSize).toBe(WINDOW_BYTES);
});

test('and so does a router of the answers of a ledger server', async () => {
  let session: ServerHttp2Session | undefined;
  const server = createHttp2();
  server.on('session', (each) => {
    session = each;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const leaders = new Leaders([`127.0.0.1:${port}`], insecureLinks);
  onTestFinished(() => {
    leaders.close();
    session?.destroy();
    server.close();
  });
  await expect.poll(() => session?.state.remoteWindowSize).toBe(WINDOW_BYTES);
  expect(session?.remoteSettings.initialWindowSize).toBe(WINDOW_BYTES);
});

/** Passes a connection on, and what comes back, unless that is held. */
async function proxied(port: number) {
  const sockets: Socket[] = [];
  const backward: (() => void)[] = [];
  const proxy = createServer((near) => {
    const far = connectSocket(port, '127.0.0.1');
    sockets.push(near, far);
    near.pipe(far).pipe(near);
    backward.push(() => far.unpipe(near));
    for (const socket of [near, far]) socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  const address = proxy.address();
  return {
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    holdAnswers: () => {
      for (const hold of backward) hold();
    },
  };
}

test('a request of 400 kB to another region waits for no answer on its way', async () => {
  const { port, holdAnswers } = await proxied(await started());
  const session = connect(`http://127.0.0.1:${port}`);
  onTestFinished(() => session.destroy());
  await expect.poll(() => session.state.remoteWindowSize).toBe(WINDOW_BYTES);
  holdAnswers();
  const stream = session.request({
    ':method': 'POST',
    ':path': '/meridian.v1.LedgerService/CreateTransfers',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', () => undefined);
  const message = Buffer.alloc(400_000);
  message.writeUInt32BE(message.length - 5, 1);
  let isSent = false;
  stream.end(message, () => {
    isSent = true;
  });
  await expect.poll(() => isSent).toBe(true);
});
