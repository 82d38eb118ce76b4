import type { Asset, ListAssetsResponse } from '../../proto/gen/meridian/v1/asset.ts';
import { ISO_4217 } from '../core/asset.ts';
import { TOTAL_MAX } from '../core/limits.ts';
import { loadAssets } from '../store/load-assets.ts';
import { positionFor, type ReadMember } from './read-position.ts';

/** Every asset that accounts of this book may hold, by code. */
export async function listAssets(member: ReadMember): Promise<ListAssetsResponse> {
  const position = await positionFor(member, undefined);
  const registered = await loadAssets(member.sql);
  const scales = [...new Map([...ISO_4217, ...registered])];
  const assets = scales.map(([asset, scale]): Asset => {
    return {
      asset,
      scale,
      maxAmount: inMajorUnits(TOTAL_MAX, scale),
      iso4217: ISO_4217.has(asset),
    };
  });
  // By UTF-16 units, which for the letters of a code is what anybody expects.
  assets.sort((a, b) => (a.asset < b.asset ? -1 : 1));
  return { assets, position };
}

/** An amount with its decimal point, exactly. */
export function inMajorUnits(amount: bigint, scale: number): string {
  if (scale === 0) return String(amount);
  const digits = String(amount).padStart(scale + 1, '0');
  return `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
