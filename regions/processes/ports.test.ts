import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { findFreeBase, requireFreePorts } from './ports.ts';

for (const host of ['127.0.0.1', '0.0.0.0']) {
  test(`a port that is taken on ${host} is named with its use and a remedy`, async () => {
    const port = await findFreeBase(2);
    const server = createServer().listen(port, host);
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const check = requireFreePorts([
      { port, use: 'the router of eu-west' },
      { port: port + 1, use: 'the ledger server of eu-west' },
    ]);
    await expect(check).rejects.toThrow(
      new RegExp(`^port ${port} \\(the router of eu-west\\) is taken[^]*--port`, 'u'),
    );
  });
}

test('a block of ports is given to one process only', async () => {
  const base = await findFreeBase();
  await expect(requireFreePorts([{ port: base + 49, use: 'the claim' }])).rejects.toThrow('taken');
});

test('free ports pass', async () => {
  const port = await findFreeBase(1);
  await expect(requireFreePorts([{ port, use: 'x' }])).resolves.toBeUndefined();
});
