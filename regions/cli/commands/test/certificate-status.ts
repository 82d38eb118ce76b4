import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Meridian } from '../../../testing/meridian.ts';

type Running = () => { readonly meridian: Meridian; readonly dataDir: string };

/** What `status` shows of a certificate that was not renewed. */
export function testCertificateStatus(installation: Running): void {
  test('status has the certificates that were not renewed', async () => {
    const { meridian, dataDir } = installation();
    const identity = 'spiffe://meridian.local/operator/late';
    // It is overdue at once, because certificates are valid from a while before they are issued.
    await meridian.json(0, 'pki', 'issue', 'operator/late', '--valid-for', '1m');
    try {
      const alarm = `${identity}: was not renewed in time`;
      const { code, out } = await meridian.run('status');
      expect({ code, out }).toEqual({ code: 3, out: expect.stringContaining(alarm) });
      expect(await meridian.json(3, 'status')).toMatchObject({ certificateAlarms: [alarm] });
    } finally {
      rmSync(join(dataDir, 'pki/certificates/operator/late.pem'));
    }
    expect(await meridian.json(0, 'status')).toMatchObject({ certificateAlarms: [] });
  });
}
