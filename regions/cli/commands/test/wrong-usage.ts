import { expect, test } from 'vitest';

import type { Meridian } from '../../../testing/meridian.ts';

/** Commands that end with exit code 2, and what they print. */
const WRONG_USAGE: readonly (readonly [line: string, message: RegExp])[] = [
  ['transfer --from alice --to bob', /--amount/u],
  ['transfer --from alice --to bob --amount 1.5', /whole number/u],
  ['transfer --from alice --to alice --amount 1', /credit_account_id/u],
  ['transfer --from alice --to bob --amount 1 --up-to all', /Allowed choices/u],
  ['transfer --from alice --to bob --amount 1 --if-at-least alice', /ACCOUNT=NUMBER/u],
  ['hold create --from alice --to bob --amount 1 --expires-in soon', /duration/u],
  ['hold capture', /missing required argument/u],
  ['group', /--leg/u],
  ['group --leg alice:bob', /FROM:TO:AMOUNT/u],
  ['group --file /no/such/file', /ENOENT/u],
  ['account freeze alice --in --out --by a --why b', /one of/u],
  ['account freeze alice', /--by/u],
  ['account limits alice --by a --why b --min 0', /--max/u],
  ['account metadata alice --by a --why b', /--none/u],
  ['account show alice --at 2026-01-01 --at-seq 1', /either/u],
  ['account show alice --at noon', /must be a time/u],
  ['statement alice --from 2026-02-01 --to 2026-01-01', /to/u],
  ['transfers', /--book or --account/u],
  ['transfers --book eu-west-1 --filter {"no":1}', /must have exactly one of/u],
  ['transfers --book mars-1', /must be one of eu-west-1/u],
  ['transfers --book eu-west-1 --status done', /must be one of/u],
  ['events --book eu-west-1 --account alice', /--book or --account/u],
  ['status --insecure', /--router as well/u],
  ['account show alice --insecure', /--router as well/u],
  ['status --watch --router 127.0.0.1:1', /--router or --watch/u],
  ['asset register points --scale 2 --by a --why b', /asset/u],
  ['asset register POINTS --scale 19 --by a --why b', /from 0 to 18/u],
];

export function testWrongUsage(installation: () => { readonly meridian: Meridian }): void {
  test.concurrent.each(WRONG_USAGE)('"meridian %s" is wrong usage', async (line, message) => {
    const { code, out, err } = await installation().meridian.run(...line.split(' '));
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(message);
  });
}
