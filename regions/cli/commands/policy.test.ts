import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ensurePolicy } from '../../policy/initial-policy.ts';
import { testFolder } from '../../testing/folder.ts';
import { Meridian } from '../../testing/meridian.ts';

test('a policy is shown, or everything that is wrong with it', async () => {
  const root = testFolder();
  const meridian = new Meridian(root);
  const check = (code: number, ...args: string[]) =>
    meridian.json(code, 'policy', 'check', ...args);
  const { error } = Object(await check(3));
  expect(String(error.message)).toMatch(/cannot read .*policy\.yaml/u);
  ensurePolicy(root);
  const shown = Object(await check(0));
  expect(shown).toMatchObject({ ok: true, problems: [], hash: expect.stringMatching(/^\w{64}$/u) });
  expect(shown.grants).toContainEqual({
    identity: 'tenant/demo/service/example',
    roles: ['payer', 'administrator'],
  });
  const text = await meridian.run('policy', 'check');
  expect(text).toMatchObject({ code: 0, out: expect.stringContaining('operator/local') });

  const wrong = join(root, 'wrong.yaml');
  writeFileSync(
    wrong,
    'grants:\n  - identity: tenant/shop/service/*\n    roles: [payr]\n  - identity: region/*/router\n    roles: []\n',
  );
  const { problems } = Object(await check(1, wrong));
  expect(problems).toMatchObject([
    { path: 'grants.0.roles.0', line: 3, message: expect.stringMatching(/did you mean payer/u) },
    { path: 'grants.1.identity', line: 4, message: expect.stringMatching(/cannot be granted/u) },
    { path: 'grants.1.roles', line: 5, message: 'must name a role' },
  ]);
  expect(await meridian.run('policy', 'check', wrong)).toMatchObject({
    code: 1,
    out: expect.stringContaining(`${wrong}:3: grants.0.roles.0: must be one of`),
  });
}, 30_000);
