import { TOTAL_MAX } from './limits.ts';

/**
 * Scales of the currencies of ISO 4217 (list one): all have two decimal digits but these. A
 * registration cannot contradict this table.
 */
const OTHER_SCALES: readonly (readonly [number, string])[] = [
  [0, 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'],
  [3, 'BHD IQD JOD KWD LYD OMR TND'],
  [4, 'CLF UYW'],
];

const SCALE_2 =
  'AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD ' +
  'CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD ' +
  'GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL ' +
  'MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN ' +
  'PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP ' +
  'SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG';

/** Decimal digits of the minor unit of each currency of ISO 4217, by code. */
export const ISO_4217: ReadonlyMap<string, number> = new Map([
  ...SCALE_2.split(' ').map((code) => [code, 2] as const),
  ...OTHER_SCALES.flatMap(([scale, codes]) =>
    codes.split(' ').map((code) => [code, scale] as const),
  ),
]);

export const SCALE_MAX = 18;

/** An asset as a request names it: "EUR", or "EUR/2" with the scale. */
export interface NamedAsset {
  readonly code: string;
  /** Undefined: not given. */
  readonly scale: number | undefined;
}

/** Splits the name of an asset; its form has been validated. */
export function namedAsset(name: string): NamedAsset {
  const slash = name.indexOf('/');
  if (slash === -1) return { code: name, scale: undefined };
  return { code: name.slice(0, slash), scale: Number(name.slice(slash + 1)) };
}

/** The largest amount there can be in an asset of this scale, in major units. */
export const largestAmount = (scale: number): string => decimalText(TOTAL_MAX, scale);

/** Minor units in major ones, to the last digit. */
export function decimalText(minor: bigint, scale: number): string {
  const sign = minor < 0n ? '-' : '';
  const digits = String(minor < 0n ? -minor : minor).padStart(scale + 1, '0');
  const point = digits.length - scale;
  return sign + digits.slice(0, point) + (scale > 0 ? `.${digits.slice(point)}` : '');
}
