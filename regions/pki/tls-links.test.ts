import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { credentials, Metadata, status } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import { must } from '../../ledger/core/assert.ts';
import { detailsOf } from '../../ledger/rpc/details.ts';
import { callLimits } from '../../ledger/rpc/call-watch.ts';
import { type Access, ledgerAccess } from '../../ledger/rpc/access/access.ts';
import { Leaders } from '../../ledger/rpc/leaders.ts';
import { RpcServer } from '../../ledger/rpc/server.ts';
import { insecureLinks, tlsLinks } from '../../ledger/rpc/tls/credentials.ts';
import type { Identity, PathIdentity } from '../../ledger/rpc/tls/identity.ts';
import { TlsFiles } from '../../ledger/rpc/tls/tls-files.ts';
import {
  BookServiceClient,
  BookServiceService,
  PostReply,
  PostRequest,
  SettleReply,
  SettleRequest,
  Topology,
} from '../../proto/gen/meridian/internal/v1/book.ts';
import { openToAll } from '../testing/open-to-all.ts';
import { testFolder } from '../testing/folder.ts';
import { issueLeaf, pairText } from './issue.ts';
import { ensureCertificates, issueCertificate, rotateAuthority } from './pki.ts';
import { certificateFile, type PkiFolder, pkiFolder } from '../links/pki-files.ts';

const LEDGER = { kind: 'ledger', region: 'eu-west' } as const;
const ROUTER = { kind: 'router', region: 'us-east' } as const;
const SERVICE = { kind: 'service', tenant: 'shop', service: 'checkout' } as const;
const OPERATOR = { kind: 'operator', name: 'anna' } as const;

async function makePki(...identities: PathIdentity[]): Promise<PkiFolder> {
  const folder = pkiFolder(join(testFolder(), 'pki'));
  const needed = [LEDGER, ...identities].map((identity) => ({ identity, hosts: ['127.0.0.1'] }));
  await ensureCertificates(folder, needed);
  return folder;
}

function filesOf(file: string, { authorities }: PkiFolder, log?: LogOf): TlsFiles {
  const files = new TlsFiles({ certificate: file, key: file, authorities }, log);
  onTestFinished(() => files.close());
  return files;
}

/** What was the same at two looks is taken over. */
async function lookTwice(files: TlsFiles): Promise<void> {
  await files.look();
  await files.look();
}

type LogOf = ConstructorParameters<typeof TlsFiles>[1];

/** A server of BookService; `calls` has the identities of those whose calls were served. */
async function startServer(
  files: TlsFiles,
  { access = openToAll, listenOn = 0 }: { access?: Access; listenOn?: number } = {},
) {
  const calls: (Identity | undefined)[] = [];
  const server: RpcServer = new RpcServer({
    listen: `127.0.0.1:${listenOn}`,
    security: tlsLinks(files),
    access,
    service: BookServiceService,
    limits: callLimits({ messageMib: 8, connectionMib: 48, totalMib: 128 }),
    implementation: {
      settle: (call: { getPeer(): string }, answer: (error: null, reply: object) => void) => {
        calls.push(server.peers.ofCall(call));
        answer(null, SettleReply.create());
      },
      post: (stream: NodeJS.EventEmitter & { getPeer(): string; write(reply: object): void }) => {
        stream.on('data', () => {
          calls.push(server.peers.ofCall(stream));
          stream.write(PostReply.create());
        });
      },
      watchTopology: (stream: { write(topology: Topology): void }) => {
        stream.write(Topology.fromPartial({ book: 1, epoch: 1n, leading: true }));
      },
    },
    serviceName: 'meridian.internal.v1.BookService',
  });
  const port = await server.start();
  server.setServing(true);
  onTestFinished(() => server.stop());
  return { address: `127.0.0.1:${port}`, port, calls };
}

/** The error code of a call of Settle; OK if it was served. */
async function settle(
  client: BookServiceClient,
): Promise<{ code: status; text: string; reason: string }> {
  return new Promise((resolve) => {
    const options = { deadline: Date.now() + 5_000 };
    client.settle(SettleRequest.create(), new Metadata(), options, (error) => {
      if (error === null) resolve({ code: status.OK, text: '', reason: '' });
      else resolve({ code: error.code, text: error.details, reason: detailsOf(error).reason });
    });
  });
}

const OWN = { 'grpc.use_local_subchannel_pool': 1 };

async function callAs(address: string, security: { channelTo: typeof insecureLinks.channelTo }) {
  const client = new BookServiceClient(address, security.channelTo('ledger'), OWN);
  const answer = await settle(client);
  client.close();
  return answer;
}

test('a ledger server serves routers and ledger servers of its installation, and no one else', async () => {
  const folder = await makePki(ROUTER, SERVICE, OPERATOR);
  const files = filesOf(certificateFile(folder, LEDGER), folder);
  const { address, calls } = await startServer(files, { access: ledgerAccess });
  const as = (identity: PathIdentity) =>
    callAs(address, tlsLinks(filesOf(certificateFile(folder, identity), folder)));
  expect(await as(LEDGER)).toMatchObject({ code: status.OK });
  expect(calls.splice(0)).toEqual([{ ...LEDGER, trustDomain: 'meridian.local' }]);
  // A router may post, and not settle.
  const router = tlsLinks(filesOf(certificateFile(folder, ROUTER), folder));
  const posting = new BookServiceClient(address, router.channelTo('ledger'), OWN);
  const posted = posting.post();
  posted.on('error', () => undefined);
  posted.write(PostRequest.create());
  await once(posted, 'data');
  expect(calls.splice(0)).toEqual([{ ...ROUTER, trustDomain: 'meridian.local' }]);
  expect(await settle(posting)).toMatchObject({ code: status.PERMISSION_DENIED });
  posted.cancel();
  posting.close();
  for (const identity of [SERVICE, OPERATOR]) {
    expect(await as(identity)).toMatchObject({
      code: status.PERMISSION_DENIED,
      reason: 'CALLER_NOT_PERMITTED',
      text: expect.stringMatching(/^spiffe:.* may not call .*Settle$/u),
    });
    // A stream that is refused never reaches its handler with a message.
    const links = tlsLinks(filesOf(certificateFile(folder, identity), folder));
    const client = new BookServiceClient(address, links.channelTo('ledger'), OWN);
    const stream = client.post();
    stream.write(PostRequest.create());
    const [error] = await once(stream, 'error');
    expect(error).toMatchObject({ code: status.PERMISSION_DENIED });
    client.close();
  }
  expect(calls).toEqual([]);
});

test('a caller that proves no identity of the authority gets no connection', async () => {
  const folder = await makePki(ROUTER);
  const { address, port, calls } = await startServer(
    filesOf(certificateFile(folder, LEDGER), folder),
  );
  const refused = { code: status.UNAVAILABLE };
  expect(await callAs(address, insecureLinks)).toMatchObject(refused);
  const ca = readFileSync(folder.authorities);
  const without = credentials.createSsl(ca, null, null, { checkServerIdentity: () => undefined });
  expect(await callAs(address, { channelTo: () => without })).toMatchObject(refused);

  // Of an authority that is not trusted, though this server is by its caller.
  const foreign = await makePki(ROUTER);
  const pair = readFileSync(certificateFile(foreign, ROUTER));
  const other = credentials.createSsl(ca, pair, pair, { checkServerIdentity: () => undefined });
  expect(await callAs(address, { channelTo: () => other })).toMatchObject(refused);

  // One that has expired.
  const authority = { certificate: String(ca), key: String(readFileSync(folder.authority)) };
  const identity = { ...ROUTER, trustDomain: 'meridian.local' };
  const past = new Date(Date.now() - 7_200_000);
  const expired = await issueLeaf(authority, { identity, hosts: [], validForMs: 3_600_000 }, past);
  const late = Buffer.from(pairText(expired));
  const old = credentials.createSsl(ca, late, late, { checkServerIdentity: () => undefined });
  expect(await callAs(address, { channelTo: () => old })).toMatchObject(refused);

  // TLS 1.2, with a certificate that is good.
  const good = readFileSync(certificateFile(folder, ROUTER));
  const options = { port, ca, cert: good, key: good, checkServerIdentity: () => undefined };
  const socket = connect({ ...options, ALPNProtocols: ['h2'], maxVersion: 'TLSv1.2' });
  const [error] = await once(socket, 'error');
  expect(String(error)).toMatch(/protocol version/u);
  expect(calls).toEqual([]);
});

test('a caller refuses a server that is not what the link expects', async () => {
  const folder = await makePki(ROUTER);
  const links = tlsLinks(filesOf(certificateFile(folder, ROUTER), folder));
  const server = await startServer(filesOf(certificateFile(folder, ROUTER), folder));
  expect(await callAs(server.address, links)).toMatchObject({
    code: status.UNAVAILABLE,
    text: expect.stringMatching(/server is spiffe:.*router, and .*ledger was expected/u),
  });
  const other = await makePki();
  const foreign = await startServer(filesOf(certificateFile(other, LEDGER), other));
  expect(await callAs(foreign.address, links)).toMatchObject({ code: status.UNAVAILABLE });
  expect([...server.calls, ...foreign.calls]).toEqual([]);
});

test('certificates and authority are replaced under load, with half-written files on the way', async () => {
  const folder = await makePki(ROUTER);
  const ledgerFile = certificateFile(folder, LEDGER);
  const routerFile = certificateFile(folder, ROUTER);
  const warned: string[] = [];
  const log = {
    info: () => {},
    warn: (_: string, fields = {}) => warned.push(JSON.stringify(fields)),
  };
  const server = filesOf(ledgerFile, folder, log);
  const router = filesOf(routerFile, folder, log);
  const { address, calls } = await startServer(server);
  const links = tlsLinks(router);
  const lasting = new BookServiceClient(address, links.channelTo('ledger'), OWN);
  const stream = lasting.post();
  stream.on('error', () => {});
  let replies = 0;
  stream.on('data', () => {
    replies += 1;
  });
  const over = new AbortController();
  const failed: unknown[] = [];
  const load = (async () => {
    while (!over.signal.aborted && failed.length < 10) {
      for (const answer of await Promise.all([settle(lasting), callAs(address, links)])) {
        if (answer.code !== status.OK) failed.push(answer);
      }
      stream.write(PostRequest.create());
    }
  })();
  const look = async () => {
    for (const files of [server, router]) await lookTwice(files);
    await sleep(30);
  };
  const halfWritten = async (file: string) => {
    const whole = readFileSync(file, 'utf8');
    for (const part of [0, 0.3, 0.7, 0.97]) {
      writeFileSync(file, whole.slice(0, whole.length * part));
      await look();
    }
    rmSync(file);
    await look();
    writeFileSync(`${file}.new`, whole, { mode: 0o600 });
    renameSync(`${file}.new`, file);
    await look();
  };
  const before = server.current.facts.serial;
  for (const file of [ledgerFile, routerFile, folder.authorities]) await halfWritten(file);
  expect(server.current.facts.serial).toBe(before);
  expect(warned.join('\n')).toMatch(/middle of a certificate/u);
  expect(warned.join('\n')).toMatch(/ENOENT/u);
  // Another's key, until its certificate follows.
  await issueCertificate(folder, LEDGER, { hosts: ['127.0.0.1'] });
  await look();
  expect(server.current.facts.serial).not.toBe(before);
  const old = server.current.authorities[0];
  for (const step of ['begin', 'switch', 'finish'] as const) {
    await rotateAuthority(folder, step);
    await look();
  }
  expect(server.current.authorities).toHaveLength(1);
  expect(server.current.authorities[0]).not.toBe(old);
  expect(router.current.authorities).toEqual(server.current.authorities);
  await sleep(100);
  over.abort();
  await load;
  stream.cancel();
  lasting.close();
  expect(failed).toEqual([]);
  expect(calls.length).toBeGreaterThan(100);
  expect(replies).toBeGreaterThan(20);
}, 60_000);

test('a connection ends with its certificate, and its caller goes on with the next one', async () => {
  const folder = await makePki();
  const routerFile = certificateFile(folder, ROUTER);
  // Certificates begin and end with a second.
  await issueCertificate(folder, ROUTER, { hosts: ['127.0.0.1'], validForMs: 4_000 });
  const { address } = await startServer(filesOf(certificateFile(folder, LEDGER), folder));
  const files = filesOf(routerFile, folder);
  const { expiresAt } = files.current.facts;
  const client = new BookServiceClient(address, tlsLinks(files).channelTo('ledger'), OWN);
  onTestFinished(() => client.close());
  const stream = client.post();
  const lost = once(stream, 'error');
  stream.write(PostRequest.create());
  await once(stream, 'data');
  await issueCertificate(folder, ROUTER, { hosts: ['127.0.0.1'] });
  await lookTwice(files);
  const failed: unknown[] = [];
  while (Date.now() < expiresAt + 1_500) {
    const answer = await settle(client);
    if (answer.code !== status.OK) failed.push(answer);
    await sleep(10);
  }
  expect(failed).toEqual([]);
  const [error] = await lost;
  expect(error).toMatchObject({ code: status.UNAVAILABLE });
}, 30_000);

test('a leader is reached with the next certificate before the connection of the last one ends', async () => {
  const folder = await makePki();
  await issueCertificate(folder, ROUTER, { hosts: ['127.0.0.1'], validForMs: 4_000 });
  const { address, calls } = await startServer(filesOf(certificateFile(folder, LEDGER), folder));
  const files = filesOf(certificateFile(folder, ROUTER), folder);
  const { expiresAt } = files.current.facts;
  const leaders = new Leaders([address], tlsLinks(files));
  onTestFinished(() => leaders.close());
  const leader = () => leaders.leaderOf(1);
  await expect.poll(leader).toBeDefined();
  const { posting, client } = must(leader(), 'it leads');
  const stream = posting.post();
  stream.on('error', () => undefined);
  const answers = () => {
    stream.write(PostRequest.create());
    return once(stream, 'data', { signal: AbortSignal.timeout(2_000) });
  };
  await answers();
  let changes = 0;
  const missing: number[] = [];
  leaders.onChange(() => {
    changes += 1;
    if (leader() === undefined) missing.push(Date.now());
  });
  await issueCertificate(folder, ROUTER, { hosts: ['127.0.0.1'] });
  const reading = settle(client);
  await lookTwice(files);
  await expect.poll(() => leader()?.posting).not.toBe(posting);
  // What had begun on the connection before is completed on it.
  expect(await reading).toMatchObject({ code: status.OK });
  await answers();
  stream.end();
  await sleep(expiresAt + 1_000 - Date.now());
  expect({ changes, missing }).toEqual({ changes: 1, missing: [] });
  expect(await settle(must(leader(), 'it leads').client)).toMatchObject({ code: status.OK });
  expect(calls.length).toBeGreaterThan(3);
}, 30_000);

test('a server that does not complete a handshake is given up, and reached once it does', async () => {
  const folder = await makePki(ROUTER);
  const links = tlsLinks(filesOf(certificateFile(folder, ROUTER), folder));
  const sockets = new Set<Socket>();
  const silent = createServer((socket) => sockets.add(socket)).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = Object(silent.address());
  const options = { ...OWN, 'grpc.initial_reconnect_backoff_ms': 100 };
  const client = new BookServiceClient(`127.0.0.1:${port}`, links.channelTo('ledger'), options);
  onTestFinished(() => client.close());
  expect(await settle(client)).toMatchObject({ code: status.DEADLINE_EXCEEDED });
  await expect.poll(() => sockets.size, { timeout: 10_000 }).toBeGreaterThan(1);
  silent.close();
  for (const socket of sockets) socket.destroy();
  await startServer(filesOf(certificateFile(folder, LEDGER), folder), { listenOn: port });
  const answered = async () => (await settle(client)).code;
  await expect.poll(answered, { timeout: 20_000 }).toBe(status.OK);
}, 60_000);

test('connections of an authority that is removed end, and no new ones are accepted', async () => {
  const folder = await makePki(ROUTER, SERVICE);
  const server = filesOf(certificateFile(folder, LEDGER), folder);
  const { address } = await startServer(server);
  const stolen = readFileSync(certificateFile(folder, ROUTER));
  const earlier = readFileSync(folder.authorities);
  const held = credentials.createSsl(earlier, stolen, stolen, {
    checkServerIdentity: () => undefined,
  });
  const client = new BookServiceClient(address, held, OWN);
  onTestFinished(() => client.close());
  const stream = client.post();
  const lost = once(stream, 'error');
  stream.write(PostRequest.create());
  await once(stream, 'data');
  for (const step of ['begin', 'switch', 'finish'] as const) await rotateAuthority(folder, step);
  const removedAt = performance.now();
  await lookTwice(server);
  const [error] = await lost;
  expect(error).toMatchObject({ code: status.UNAVAILABLE });
  expect(performance.now() - removedAt).toBeLessThan(5_000);
  expect(await settle(client)).toMatchObject({ code: status.UNAVAILABLE });
  // The same caller with its next certificate.
  const links = tlsLinks(filesOf(certificateFile(folder, ROUTER), folder));
  expect(await callAs(address, links)).toMatchObject({ code: status.OK });
}, 30_000);

test('what is read of a file once is not believed, nor is the certificate of another', async () => {
  const folder = await makePki(ROUTER);
  await rotateAuthority(folder, 'begin');
  const warned: string[] = [];
  const log = {
    info: () => undefined,
    warn: (_: string, fields = {}) => warned.push(JSON.stringify(fields)),
  };
  const file = certificateFile(folder, ROUTER);
  const files = filesOf(file, folder, log);
  const whole = readFileSync(folder.authorities, 'utf8');
  const [first = ''] = whole.split(/(?<=-----END CERTIFICATE-----\n)/u);
  const looks: number[] = [];
  // A file that is being written may end between two authorities.
  for (const text of [first, whole, first, first]) {
    writeFileSync(folder.authorities, text);
    await files.look();
    looks.push(files.current.authorities.length);
  }
  expect(looks).toEqual([2, 2, 2, 1]);

  // What a process may do is decided when it starts.
  writeFileSync(folder.authorities, whole);
  await lookTwice(files);
  await ensureCertificates(folder, [{ identity: SERVICE, hosts: [] }]);
  const { serial } = files.current.facts;
  writeFileSync(file, readFileSync(certificateFile(folder, SERVICE)));
  await lookTwice(files);
  expect(files.current.facts.serial).toBe(serial);
  expect(warned.join('\n')).toMatch(/began as .*router: restart it/u);
});

test('a connection that is opened with a certificate near its end lasts until then', async () => {
  const folder = await makePki(ROUTER);
  const authority = {
    certificate: readFileSync(folder.authorities, 'utf8'),
    key: readFileSync(folder.authority, 'utf8'),
  };
  const { address } = await startServer(filesOf(certificateFile(folder, LEDGER), folder));
  const identity = { ...ROUTER, trustDomain: 'meridian.local' };
  // Issued an hour ago: in its last tenth.
  const issuedAt = new Date(Date.now() - 3_600_000);
  const validForMs = 3_600_000 + 60_000;
  const leaf = pairText(await issueLeaf(authority, { identity, hosts: [], validForMs }, issuedAt));
  const pair = Buffer.from(leaf);
  const ca = readFileSync(folder.authorities);
  const held = credentials.createSsl(ca, pair, pair, { checkServerIdentity: () => undefined });
  const client = new BookServiceClient(address, held, OWN);
  onTestFinished(() => client.close());
  let connections = 0;
  const stream = client.post();
  stream.on('error', () => {
    connections += 1;
  });
  for (let call = 0; call < 20; call += 1) {
    expect(await settle(client)).toMatchObject({ code: status.OK });
    await sleep(20);
  }
  expect(connections).toBe(0);
  stream.cancel();
});
