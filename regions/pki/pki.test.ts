import { readdirSync, statSync } from 'node:fs';
import { readFileSync, writeFileSync } from 'node:fs';
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { certificateUris, identityOf } from '../../ledger/rpc/tls/certificate-names.ts';
import { tlsState } from '../../ledger/rpc/tls/tls-state.ts';
import { parseIdentity } from '../../ledger/rpc/tls/identity.ts';
import { testFolder } from '../testing/folder.ts';
import { issueLeaf, makeAuthority, pairText } from './issue.ts';
import {
  ensureCertificates,
  initPki,
  issueCertificate,
  renewCertificates,
  rotateAuthority,
} from './pki.ts';
import { certificateFile, pkiFolder } from '../links/pki-files.ts';
import { listIssued, readTrusted } from './pki-folder.ts';
import { pkiStatus } from './pki-status.ts';

const HOUR_MS = 3_600_000;
const router = { kind: 'router', region: 'eu-west' } as const;
const operator = { kind: 'operator', name: 'anna' } as const;

const textsOf = (file: string, authorities: string) => ({
  certificate: readFileSync(file, 'utf8'),
  key: readFileSync(file, 'utf8'),
  authorities: readFileSync(authorities, 'utf8'),
});

test('a certificate names one identity and its hosts, and only its user can read the key', async () => {
  const folder = pkiFolder(join(testFolder(), 'pki'));
  await initPki(folder, 'shop.example');
  const { file } = await issueCertificate(folder, router, { hosts: ['eu.example', '127.0.0.1'] });
  const state = tlsState(textsOf(file, folder.authorities), Date.now());
  expect(state.identity).toEqual({ ...router, trustDomain: 'shop.example' });
  const certificate = new X509Certificate(state.certificates);
  expect(certificate.checkHost('eu.example')).toBe('eu.example');
  expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
  expect(certificateUris(certificate.raw)).toEqual(['spiffe://shop.example/region/eu-west/router']);
  const lifeMs = state.facts.expiresAt - Date.now();
  expect(lifeMs).toBeGreaterThan(23.9 * HOUR_MS);
  expect(lifeMs).toBeLessThanOrEqual(24 * HOUR_MS);
  for (const secret of [folder.authority, file]) expect(statSync(secret).mode & 0o777).toBe(0o600);
  const [authority] = readTrusted(folder);
  expect(authority?.ca).toBe(true);
  expect(readFileSync(folder.authorities, 'utf8')).not.toContain('PRIVATE');
  const names = readdirSync(folder.root, { recursive: true, encoding: 'utf8' });
  expect(names.filter((name) => name.endsWith('.tmp'))).toEqual([]);
});

test('a name with a comma does not pass for an identity', async () => {
  const now = new Date();
  const authority = await makeAuthority('shop.example', now);
  const identity = { ...operator, trustDomain: 'shop.example' };
  const hosts = ['a.example, URI:spiffe://shop.example/region/eu-west/ledger'];
  const request = { identity, hosts, validForMs: HOUR_MS };
  const { certificate } = await issueLeaf(authority, request, now);
  expect(identityOf(new X509Certificate(certificate))).toEqual(identity);
});

test('what is no identity is none', () => {
  for (const uri of [
    'spiffe://a/region/eu-west',
    'spiffe://a/region/eu-west/router/x',
    'spiffe://a/region/../router',
    'spiffe://A/operator/x',
    'spiffe://a/operator/x\n',
    'https://a/operator/x',
    'spiffe:///operator/x',
  ]) {
    expect(parseIdentity(uri)).toBeUndefined();
  }
});

test('only a pair that belongs together, is valid now and is of a trusted authority is loaded', async () => {
  const now = new Date();
  const [authority, other] = await Promise.all([makeAuthority('a', now), makeAuthority('a', now)]);
  const identity = { ...router, trustDomain: 'a' };
  const request = { identity, hosts: [], validForMs: HOUR_MS };
  const good = await issueLeaf(authority, request, now);
  const foreign = await issueLeaf(other, request, now);
  const texts = { ...good, authorities: authority.certificate };
  const load = (change: Partial<typeof texts>, at = now.getTime()) =>
    tlsState({ ...texts, ...change }, at);
  expect(load({}).identity).toEqual(identity);
  const pair = pairText(good);
  expect(load({ certificate: pair, key: pair }).identity).toEqual(identity);
  expect(load({ authorities: other.certificate + authority.certificate }).authorities).toHaveLength(
    2,
  );
  expect(() => load({ key: foreign.key })).toThrow(/not the one of the certificate/u);
  expect(() => load(foreign)).toThrow(/issued by none/u);
  expect(() => load({}, now.getTime() + 2 * HOUR_MS)).toThrow(/expired/u);
  expect(() => load({}, now.getTime() - HOUR_MS)).toThrow(/valid from/u);
  // Half-written files end anywhere.
  for (let length = 0; length < pair.length - 2; length += 7) {
    const half = pair.slice(0, length);
    expect(() => load({ certificate: half, key: half })).toThrow(/no |middle|malformed/u);
  }
  const { certificate } = authority;
  for (let length = 0; length < certificate.length - 2; length += 7) {
    expect(() => load({ authorities: certificate.slice(0, length) })).toThrow(/no |middle/u);
  }
  const [error] = [() => load({ key: `${good.key.slice(0, 60)}\n-----END PRIVATE KEY-----` })];
  expect(error).toThrow(/malformed private key/u);
});

test('what is missing or due is issued, and nothing else', async () => {
  const folder = pkiFolder(join(testFolder(), 'pki'));
  const needed = [
    { identity: router, hosts: ['localhost'] },
    { identity: operator, hosts: [] },
  ];
  expect(await ensureCertificates(folder, needed)).toHaveLength(2);
  expect(await ensureCertificates(folder, needed)).toEqual([]);
  const changed = [{ identity: router, hosts: ['localhost', '10.0.0.1'] }];
  expect(await ensureCertificates(folder, changed)).toEqual(['region/eu-west/router']);
  await issueCertificate(folder, operator, { validForMs: 60_000 });
  // Backdated by five minutes, so it is past two thirds of its life.
  const { certificates } = pkiStatus(folder, Date.now());
  const one = certificates.find(({ identity }) => identity.endsWith('operator/anna'));
  expect(one).toMatchObject({ due: true, problem: 'was not renewed in time' });
  expect(await renewCertificates(folder, false)).toEqual(['operator/anna']);
});

test('an authority is replaced in three steps, each of which can be repeated', async () => {
  const folder = pkiFolder(join(testFolder(), 'pki'));
  await ensureCertificates(folder, [{ identity: router, hosts: ['localhost'] }]);
  const file = certificateFile(folder, router);
  const isTrusted = () =>
    tlsState(textsOf(file, folder.authorities), Date.now()).authorities.length;
  await expect(rotateAuthority(folder, 'switch')).rejects.toThrow(/no rotation has begun/u);
  const before = readFileSync(file, 'utf8');
  for (let attempt = 0; attempt < 2; attempt += 1) {
    expect(await rotateAuthority(folder, 'begin')).toEqual([]);
    expect(isTrusted()).toBe(2);
  }
  await expect(rotateAuthority(folder, 'finish')).rejects.toThrow(/does not issue yet/u);
  expect(await rotateAuthority(folder, 'switch')).toEqual(['region/eu-west/router']);
  // A step that was killed after the first certificate, or before it.
  writeFileSync(file, before);
  await expect(rotateAuthority(folder, 'finish')).rejects.toThrow(/earlier authority are in use/u);
  expect(await rotateAuthority(folder, 'switch')).toEqual(['region/eu-west/router']);
  expect(isTrusted()).toBe(2);
  expect(pkiStatus(folder, Date.now()).nextStep).toBe('finish');
  await rotateAuthority(folder, 'finish');
  expect(isTrusted()).toBe(1);
  expect(pkiStatus(folder, Date.now())).toMatchObject({ nextStep: undefined, unreadable: [] });
  expect(listIssued(folder).issued).toHaveLength(1);
});
