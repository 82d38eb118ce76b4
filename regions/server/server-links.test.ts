import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ensureCertificates } from '../pki/pki.ts';
import { certificateFile, pkiFolder } from '../links/pki-files.ts';
import { testFolder } from '../testing/folder.ts';
import { SILENT } from '../../ledger/testing/database/leading.ts';
import { serverLinks } from './server-links.ts';

const place = {
  MERIDIAN_REGION: 'eu-west',
  MERIDIAN_LISTEN: '127.0.0.1:7',
  MERIDIAN_INSECURE: false,
  MERIDIAN_TLS_CERTIFICATE: undefined,
  MERIDIAN_TLS_KEY: undefined,
  MERIDIAN_TLS_AUTHORITIES: undefined,
};

test('a server without a certificate does not start, unless that is accepted on loopback', () => {
  expect(() => serverLinks(place, 'router', SILENT)).toThrow(
    /pki issue region\/eu-west\/router.*MERIDIAN_INSECURE=true/u,
  );
  const warned: unknown[] = [];
  const log = {
    ...SILENT,
    warn: (message: string, fields?: object) => warned.push(message, fields),
  };
  const at = (MERIDIAN_LISTEN: string) =>
    serverLinks({ ...place, MERIDIAN_LISTEN, MERIDIAN_INSECURE: true }, 'router', log);
  for (const listen of ['127.0.0.1:7', '127.77.1.1:7', 'localhost:7']) {
    expect(at(listen).trustDomain).toBeUndefined();
    expect(warned.splice(0)).toEqual([
      'insecure',
      { listen, warning: expect.stringMatching(/neither encrypted nor authenticated/u) },
    ]);
  }
  for (const listen of ['0.0.0.0:7', '10.0.0.1:7', 'eu.example.com:7', '127.0.0.1.example:7']) {
    expect(() => at(listen)).toThrow(
      expect.objectContaining({ exitCode: 3, message: expect.stringMatching(/other hosts/u) }),
    );
  }
});

test('a server starts with a certificate of its own role and region alone', async () => {
  const folder = pkiFolder(join(testFolder(), 'pki'));
  const router = { kind: 'router', region: 'eu-west' } as const;
  await ensureCertificates(folder, [{ identity: router, hosts: ['localhost'] }]);
  const given = {
    ...place,
    MERIDIAN_LISTEN: '0.0.0.0:7',
    MERIDIAN_TLS_CERTIFICATE: certificateFile(folder, router),
    MERIDIAN_TLS_AUTHORITIES: folder.authorities,
  };
  expect(serverLinks(given, 'router', SILENT).trustDomain).toBe('meridian.local');
  expect(() => serverLinks(given, 'ledger', SILENT)).toThrow(/is region\/eu-west\/ledger/u);
  expect(() => serverLinks({ ...given, MERIDIAN_REGION: 'us-east' }, 'router', SILENT)).toThrow(
    /this server is region\/us-east\/router/u,
  );
  const missing = { ...given, MERIDIAN_TLS_KEY: join(folder.root, 'none.pem') };
  expect(() => serverLinks(missing, 'router', SILENT)).toThrow(/no valid certificate: ENOENT/u);
  const mixed = { ...given, MERIDIAN_LISTEN: '127.0.0.1:7', MERIDIAN_INSECURE: true };
  expect(() => serverLinks(mixed, 'router', SILENT)).toThrow(/exclude each other/u);
});
