import { decimalText } from '../../../ledger/core/asset.ts';

/** The unit of the amounts of an account. */
export interface Unit {
  readonly asset: string;
  /** Decimal digits of the minor unit; undefined where they are not known. */
  readonly scale?: number | undefined;
}

/** An amount as it is typed, followed by its decimal form if it has one: 1250 (12.50 EUR). */
export function amountText(minor: bigint, { asset, scale }: Unit): string {
  return scale === undefined || scale === 0
    ? String(minor)
    : `${minor} (${decimalText(minor, scale)} ${asset})`;
}
