import type { Asset, ListAssetsResponse } from '../../proto/gen/meridian/v1/asset.ts';
import { ISO_4217, largestAmount } from '../core/asset.ts';
import { readAt, type ReadMember } from './proven-reads.ts';
import { ReadTurns } from './read-turns.ts';

/** Every asset that accounts of this book may hold, by code. */
export async function listAssets(
  member: ReadMember,
  turns = new ReadTurns(),
  signal?: AbortSignal,
): Promise<ListAssetsResponse> {
  const read = () => turns.run(() => member.store.readAssets(), signal);
  const { found: registered, position } = await readAt(member, undefined, read);
  const assets = [...new Map([...ISO_4217, ...registered])].map(assetOf);
  // By UTF-16 units, which for the letters of a code is the expected order.
  assets.sort((a, b) => (a.asset < b.asset ? -1 : 1));
  return { assets, position };
}

/** An asset as callers see it. */
export function assetOf([asset, scale]: readonly [string, number]): Asset {
  return { asset, scale, maxAmount: largestAmount(scale), iso4217: ISO_4217.has(asset) };
}
