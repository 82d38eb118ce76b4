import { Freeze } from '../../../proto/gen/meridian/v1/account.ts';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import {
  type ModelAccount,
  type ModelBook,
  type ModelChange,
  type ModelSettings,
  type ModelTotals,
  type ModelTransfer,
  type ModelTravel,
} from './model-state.ts';

/** Everything about one account, as of now. */
export interface AccountNow extends ModelTotals, ModelSettings {
  readonly asset: string;
  readonly balance: bigint;
  /** What it may spend, but for its limit. */
  readonly available: bigint;
  /** What it will have if everything held in its favour is captured. */
  readonly expected: bigint;
  readonly version: number;
}

export function accountNow(book: ModelBook, account: ModelAccount): AccountNow {
  const versions = book.versions.filter((version) => version.account === account.id);
  const sum = (name: keyof ModelTotals) =>
    versions.reduce((total, version) => total + version[name], 0n);
  const totals = {
    debits: sum('debits'),
    credits: sum('credits'),
    heldDebits: sum('heldDebits'),
    heldCredits: sum('heldCredits'),
  };
  const balance = totals.credits - totals.debits;
  return {
    ...totals,
    ...settingsNow(book, account),
    asset: account.asset,
    balance,
    available: balance - totals.heldDebits,
    expected: balance + totals.heldCredits,
    version: versions.length,
  };
}

/** Settings after every change that was applied. */
export function settingsNow(book: ModelBook, account: ModelAccount): ModelSettings {
  const { min, max, frozenIn, frozenOut, closed, metadata } = account;
  return book.changes
    .filter(({ request, reason }) => request.accountId === account.id && reason === 0)
    .reduce(settingsAfter, { min, max, frozenIn, frozenOut, closed, metadata });
}

function settingsAfter(settings: ModelSettings, { request }: ModelChange): ModelSettings {
  const { change } = request;
  switch (change?.$case) {
    case 'freeze':
      return {
        ...settings,
        frozenIn: change.value === Freeze.IN || change.value === Freeze.BOTH,
        frozenOut: change.value === Freeze.OUT || change.value === Freeze.BOTH,
      };
    case 'close':
      return { ...settings, closed: true };
    case 'reopen':
      return { ...settings, closed: false };
    case 'limits': {
      const { minBalance, maxBalance } = change.value;
      return { ...settings, min: minBalance ?? null, max: maxBalance ?? null };
    }
    case 'metadata':
      return { ...settings, metadata: change.value.metadata };
    case undefined:
      throw new Error('a change has a kind');
  }
}

/** What is left of a hold, and what ended it if nothing is. */
export interface HoldNow {
  readonly left: bigint;
  readonly end: 'captured' | 'released' | 'expired' | undefined;
  /** True: a final capture waits for the answer of the payee's book. */
  readonly closing: boolean;
}

export function holdNow(book: ModelBook, hold: ModelTransfer): HoldNow {
  const draws = book.transfers.filter(({ request, reason }) => {
    const { action } = request;
    const ofHold = action?.$case === 'capture' || action?.$case === 'release';
    return reason === Reason.UNSPECIFIED && ofHold && action.value.holdId === hold.id;
  });
  const captures = draws.filter(({ request }) => request.action?.$case === 'capture');
  const finals = captures.filter(
    ({ request: { action } }) => action?.$case === 'capture' && action.value.final,
  );
  const closing = finals.some(({ travel }) => travel !== null && !travel.closed);
  if (book.expired.includes(hold.id)) return { left: 0n, end: 'expired', closing };
  if (draws.length > captures.length) return { left: 0n, end: 'released', closing };
  // One that was refused elsewhere has ended nothing.
  const ended = finals.some(
    ({ travel }) => travel === null || (travel.closed && wasApplied(travel)),
  );
  if (ended) return { left: 0n, end: 'captured', closing };
  const left = captures
    .filter(({ travel }) => travel === null || !travel.gaveBack)
    .reduce((rest, { amount }) => rest - amount, hold.amount);
  return { left, end: left === 0n ? 'captured' : undefined, closing };
}

/** What was captured of a hold, what is on its way included. */
export function capturedNow(book: ModelBook, hold: ModelTransfer): bigint {
  return book.transfers
    .filter(({ request: { action }, travel }) => {
      const cameBack = travel !== null && travel.closed && !wasApplied(travel);
      return action?.$case === 'capture' && action.value.holdId === hold.id && !cameBack;
    })
    .reduce((sum, { amount }) => sum + amount, 0n);
}

const wasApplied = ({ verdict }: ModelTravel) => verdict === Reason.UNSPECIFIED;

/** True once the time of a hold is up. */
export function isOverdue(book: ModelBook, hold: ModelTransfer): boolean {
  return hold.expiresAt !== null && book.now >= hold.expiresAt;
}

/**
 * What is left to reverse of a transfer that a book received. Reversals that came back do not
 * count.
 *
 * @param payerBook book that the transfer came from, this one or another
 */
export function leftToReverse(book: ModelBook, transfer: ModelTransfer, payerBook: number): bigint {
  let left = transfer.amount;
  for (const { request, reason, amount, payee, travel } of book.transfers) {
    const { action } = request;
    if (action?.$case !== 'reversal' || action.value.transferId !== transfer.id) continue;
    // Two books may have transfers of the same id: each is reversed towards its own.
    if (reason !== Reason.UNSPECIFIED || Number(payee / 2n ** 48n) !== payerBook) continue;
    const cameBack = travel !== null && travel.closed && travel.verdict !== Reason.UNSPECIFIED;
    if (!cameBack) left -= amount;
  }
  return left;
}

/** Currencies that are known without being registered, as far as the histories use them. */
const CURRENCIES: ReadonlyMap<string, number> = new Map([
  ['EUR', 2],
  ['USD', 2],
  ['KWD', 3],
  ['JPY', 0],
]);

/** Scale of an asset; undefined: it is not registered. */
export function scaleNow(book: ModelBook, code: string): number | undefined {
  return CURRENCIES.get(code) ?? book.assets.find(({ asset }) => asset === code)?.scale;
}

/** "EUR" or "EUR/2" in its parts. */
export function assetParts(name: string): { code: string; scale: number | undefined } {
  const [code = '', scale] = name.split('/');
  return { code, scale: scale === undefined ? undefined : Number(scale) };
}
