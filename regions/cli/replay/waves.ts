/**
 * Which payments of a file may be under way at the same time.
 *
 * A wave is sent as one call for each payer's book, all calls at once, and is over when every
 * call is answered. Inside a call the ledger posts in the order given. Only an account that may
 * not be overdrawn depends on order, and only where a debit of it meets a credit that comes from
 * another book: such a credit arrives when its settlement does, before or after anything else
 * of the wave. So the later of the two waits for a later wave, and so does every payment that
 * follows on an account of a waiting payment. Every other payment keeps its order inside its call
 * or commutes: two credits do, and so do all payments of accounts without a limit.
 */

export interface WaveAccount {
  /** The accounts of one value are posted by one writer, in order. */
  readonly book: number;
  /** True: the account has no lower limit, so the order of its payments does not matter. */
  readonly mayOverdraw: boolean;
}

export interface WavePayment {
  readonly debit: WaveAccount;
  readonly credit: WaveAccount;
}

export interface Wave<T> {
  /** May be sent now, in this order. */
  readonly send: T[];
  /** Must wait, in this order, ahead of what follows in the file. */
  readonly wait: T[];
}

/**
 * Takes from `queue`, in the order of the file, up to `sizeMax` payments that may be under way
 * together. `unsettled`: accounts to which money from another book is still in transit.
 */
export function planWave<T extends WavePayment>(
  queue: readonly T[],
  sizeMax: number,
  unsettled: ReadonlySet<WaveAccount>,
): Wave<T> {
  const send: T[] = [];
  const wait: T[] = [];
  // Only accounts with a limit are in these sets. `credited`: from another book.
  const credited = new Set([...unsettled].filter((account) => !account.mayOverdraw));
  const debited = new Set<WaveAccount>();
  const held = new Set<WaveAccount>();
  for (const payment of queue) {
    const { debit, credit } = payment;
    const fromAfar = debit.book !== credit.book;
    const mustWait =
      send.length >= sizeMax ||
      held.has(debit) ||
      held.has(credit) ||
      credited.has(debit) ||
      (fromAfar && debited.has(credit));
    if (mustWait) {
      wait.push(payment);
      // What comes later must not overtake this one on an account whose order matters.
      if (!debit.mayOverdraw) held.add(debit);
      if (!credit.mayOverdraw) held.add(credit);
      continue;
    }
    send.push(payment);
    if (!debit.mayOverdraw) debited.add(debit);
    if (fromAfar && !credit.mayOverdraw) credited.add(credit);
  }
  return { send, wait };
}
