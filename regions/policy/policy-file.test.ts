import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Metadata, status } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import { SILENT } from '../../ledger/testing/database/leading.ts';
import { tlsLinks } from '../../ledger/rpc/tls/credentials.ts';
import { TlsFiles } from '../../ledger/rpc/tls/tls-files.ts';
import type { PathIdentity } from '../../ledger/rpc/tls/identity.ts';
import { ListAssetsRequest } from '../../proto/gen/meridian/v1/asset.ts';
import { LedgerServiceClient } from '../../proto/gen/meridian/v1/ledger.ts';
import { StreamTransfersRequest } from '../../proto/gen/meridian/v1/transfer.ts';
import { RouterServer } from '../../router/router-server.ts';
import { certificateFile, pkiFolder } from '../links/pki-files.ts';
import { ensureCertificates } from '../pki/pki.ts';
import { testFolder } from '../testing/folder.ts';
import { PolicyFile } from './policy-file.ts';

const ROUTER = { kind: 'router', region: 'eu-west' } as const;
const SHOP = { kind: 'service', tenant: 'shop', service: 'checkout' } as const;

const grants = (...roles: string[]) =>
  `grants:\n  - identity: tenant/shop/service/*\n    roles: [${roles.join(', ')}]\n`;

test('a router serves what its policy grants, and ends streams when that is taken back', async () => {
  const root = testFolder();
  const folder = pkiFolder(join(root, 'pki'));
  const needed: PathIdentity[] = [ROUTER, SHOP];
  await ensureCertificates(
    folder,
    needed.map((identity) => ({ identity, hosts: ['127.0.0.1'] })),
  );
  const links = (identity: PathIdentity) => {
    const certificate = certificateFile(folder, identity);
    const { authorities } = folder;
    const files = new TlsFiles({ certificate, key: certificate, authorities });
    onTestFinished(() => files.close());
    return tlsLinks(files);
  };
  const path = join(root, 'policy.yaml');
  writeFileSync(path, grants('reader'));
  const warned: unknown[] = [];
  const log = { info: () => undefined, warn: (...one: unknown[]) => void warned.push(one) };
  const access = new PolicyFile(path, log);
  onTestFinished(() => access.close());
  const free = createServer().listen(0, '127.0.0.1');
  await once(free, 'listening');
  const looked = async () => {
    await access.look();
    await access.look();
  };
  const listen = `127.0.0.1:${Object(free.address()).port}`;
  free.close();
  const books = [{ number: 1, name: 'eu-west-1', region: 'eu-west' }];
  const security = links(ROUTER);
  const place = { listen, region: 'eu-west', books, ledgers: ['127.0.0.1:1'] };
  const router = new RouterServer({ ...place, security, access }, SILENT);
  await router.start();
  onTestFinished(() => router.stop());

  const client = new LedgerServiceClient(listen, links(SHOP).channelTo('router'));
  onTestFinished(() => client.close());
  let sequence = 0n;
  const request = () => {
    sequence += 1n;
    const transfer = { idempotencyKey: 'one', debitAccountId: 1n, creditAccountId: 2n, amount: 1n };
    return StreamTransfersRequest.fromPartial({ sequence, transfer });
  };
  const stream = () => {
    const opened = client.streamTransfers();
    opened.write(request());
    return opened;
  };
  const codeOf = async (opened: ReturnType<typeof stream>) => {
    const [error] = await once(opened, 'error');
    return Number(Object(error).code);
  };
  const listAssets = () =>
    new Promise<status>((resolve) => {
      const limits = { deadline: Date.now() + 300 };
      client.listAssets(ListAssetsRequest.create(), new Metadata(), limits, (error) =>
        resolve(error?.code ?? status.OK),
      );
    });
  expect(await codeOf(stream())).toBe(status.PERMISSION_DENIED);
  // It may ask; no book answers.
  expect([status.UNAVAILABLE, status.DEADLINE_EXCEEDED]).toContain(await listAssets());

  writeFileSync(path, grants('payer'));
  await looked();
  const paying = stream();
  paying.on('data', () => undefined);
  await once(paying, 'data');
  // What is wrong, or missing, changes nothing.
  for (const text of ['grants: [', grants('prayer'), '']) {
    writeFileSync(path, text);
    await looked();
  }
  rmSync(path);
  await looked();
  expect(warned).toHaveLength(4);
  paying.write(request());
  await once(paying, 'data');

  writeFileSync(path, grants('reader'));
  const ended = codeOf(paying);
  await looked();
  expect(await ended).toBe(status.PERMISSION_DENIED);
  expect(await codeOf(stream())).toBe(status.PERMISSION_DENIED);
}, 30_000);
