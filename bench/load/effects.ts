/** The rows of a journal that are compared with what was acknowledged, by their kind. */
export const rowNames = ['transfer', 'hold', 'capture', 'release', 'expiry', 'group'] as const;

export interface Total {
  readonly count: number;
  /** In minor units. */
  readonly amount: bigint;
}

/**
 * The effects of requests in their payers' book if none is refused: rows by their kind, later
 * expiries included, and the growth of open holds, that is of those with a remainder.
 */
export type Effects = Readonly<Record<(typeof rowNames)[number] | 'openHold', Total>>;

const NOTHING: Total = { count: 0, amount: 0n };

export const noEffects: Effects = {
  transfer: NOTHING,
  hold: NOTHING,
  capture: NOTHING,
  release: NOTHING,
  expiry: NOTHING,
  group: NOTHING,
  openHold: NOTHING,
};

/** @param amount of all together, in minor units */
export function transfersOf(count: number, amount: bigint): Effects {
  return { ...noEffects, transfer: { count, amount } };
}

/** All effects together. */
export function sumOf(effects: readonly Effects[]): Effects {
  const sum = (name: keyof Effects): Total => ({
    count: effects.reduce((total, each) => total + each[name].count, 0),
    amount: effects.reduce((total, each) => total + each[name].amount, 0n),
  });
  return {
    transfer: sum('transfer'),
    hold: sum('hold'),
    capture: sum('capture'),
    release: sum('release'),
    expiry: sum('expiry'),
    group: sum('group'),
    openHold: sum('openHold'),
  };
}

/** The effects of the same requests, made a number of times with other keys. */
export function repeated(effects: Effects, times: number): Effects {
  const product = ({ count, amount }: Total): Total => ({
    count: count * times,
    amount: amount * BigInt(times),
  });
  return {
    transfer: product(effects.transfer),
    hold: product(effects.hold),
    capture: product(effects.capture),
    release: product(effects.release),
    expiry: product(effects.expiry),
    group: product(effects.group),
    openHold: product(effects.openHold),
  };
}
