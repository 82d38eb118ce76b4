import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { testFolder } from '../../testing/folder.ts';
import { Meridian } from '../../testing/meridian.ts';

test('the commands of an authority, and what they refuse', async () => {
  const root = testFolder();
  const meridian = new Meridian(root);
  const folder = join(root, 'pki');
  const failure = async (code: number, ...args: string[]) => {
    const { error } = Object(await meridian.json(code, 'pki', ...args));
    return String(error.message);
  };
  expect(await failure(3, 'status')).toMatch(/"meridian pki init" makes one/u);
  expect(await failure(2, 'init', '--trust-domain', 'Not/One')).toMatch(/lower-case/u);
  expect(await meridian.json(0, 'pki', 'init', '--trust-domain', 'shop.example')).toMatchObject({
    folder,
    trustDomain: 'shop.example',
  });
  expect(await failure(1, 'init')).toMatch(/has an authority already/u);

  const issue = (...args: string[]) => meridian.json(0, 'pki', 'issue', ...args);
  const identity = 'spiffe://shop.example/region/eu-west/router';
  const issued = await issue('region/eu-west/router', '--host', 'localhost', '--host', '10.0.0.7');
  expect(issued).toMatchObject({ identity });
  const own = join(root, 'checkout.pem');
  await issue('tenant/shop/service/checkout', '--valid-for', '7d', '--out', own);
  expect(statSync(own).mode & 0o777).toBe(0o600);
  const refused = async (...args: string[]) => failure(2, 'issue', ...args);
  expect(await refused('region/eu-west')).toMatch(/is no identity/u);
  expect(await refused('region/eu-west/router')).toMatch(/name its hosts/u);
  expect(await refused('spiffe://other/operator/anna')).toMatch(/another trust domain/u);
  expect(await refused('operator/anna', '--valid-for', '5s')).toMatch(/from a minute/u);
  expect(await refused('region/a/router', '--host', 'a:1')).toMatch(/DNS name or an IP/u);

  const status = Object(await meridian.json(0, 'pki', 'status'));
  const service = 'spiffe://shop.example/tenant/shop/service/checkout';
  expect(status.certificates).toMatchObject([
    { identity, due: false, handedOut: false, problem: '' },
    { identity: service, handedOut: true, file: own, problem: '' },
  ]);
  expect(status.authorities).toMatchObject([{ issuing: true, problem: '' }]);
  const shown = await meridian.run('pki', 'status');
  expect(shown).toMatchObject({ code: 0, out: expect.stringContaining(identity) });
  expect(shown.out + JSON.stringify(issued)).not.toContain('PRIVATE');

  await meridian.json(0, 'pki', 'rotate', '--authority', 'begin');
  const switched = await meridian.json(0, 'pki', 'rotate', '--authority', 'switch');
  expect(switched).toEqual({ step: 'switch', renewed: ['region/eu-west/router'] });
  // What was written elsewhere is of the earlier authority until it is issued again, or given up.
  expect(await failure(1, 'rotate', '--authority', 'finish')).toContain(`checkout in ${own} until`);
  expect(await failure(2, 'rotate', '--revoke')).toMatch(/is about --authority finish/u);
  await issue('tenant/shop/service/checkout', '--out', own);
  await meridian.json(0, 'pki', 'rotate', '--authority', 'finish');
  expect(await failure(1, 'rotate', '--authority', 'switch')).toMatch(/no rotation has begun/u);

  // A file that is damaged, and a certificate that is nearly over.
  await issue('operator/anna', '--valid-for', '1m');
  const router = join(folder, 'certificates/region/eu-west/router.pem');
  writeFileSync(router, readFileSync(router, 'utf8').slice(0, 300));
  const alarmed = Object(await meridian.json(1, 'pki', 'status'));
  expect(alarmed.certificates).toMatchObject([
    { due: true, problem: 'was not renewed in time' },
    { identity: service },
  ]);
  expect(alarmed.unreadable).toMatchObject([{ file: router }]);
}, 60_000);
