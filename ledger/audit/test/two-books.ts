import type { SettleLeg } from '../../../proto/gen/meridian/internal/v1/book.ts';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import { WritingBook, type Written } from './written-book.ts';

/**
 * Two books with plain transfers: posted and refused within a book, and between them one leg
 * delivered, one refused and returned, and one (30 EUR) still in flight.
 */
export function twoBooks(): readonly [Written, Written] {
  const near = new WritingBook(1);
  const far = new WritingBook(2);
  const bank = near.open('bank');
  const alice = near.open('alice', { min: { $case: 'minBalance', value: 0n } });
  const bob = far.open('bob', { min: { $case: 'minBalance', value: 0n } });
  const capped = far.open('capped', { max: { $case: 'maxBalance', value: 100n } });
  const pay = (key: string, debit: bigint, credit: bigint, amount: bigint): SettleLeg => {
    const fields = { debitAccountId: debit, creditAccountId: credit, amount, reference: key };
    const transferId = near.transfer(key, fields);
    return { transferId, asset: 'EUR', code: 0, metadata: {}, reversalOf: '', ...fields };
  };
  pay('funding', bank, alice, 500n);
  pay('overdraft', alice, bank, 600n);
  const legs = [pay('delivered', alice, bob, 70n), pay('refused', bank, capped, 500n)];
  pay('in flight', bank, bob, 30n);
  far.post({ kind: 'settle', originBook: near.number, firstNumber: 1, legs });
  const reason = Reason.MAX_BALANCE_EXCEEDED;
  const refused = legs.slice(1).map((leg) => ({ number: 2, reason, leg, capture: null }));
  near.post({ kind: 'close', peerBook: far.number, through: 2, refused, finals: [] });
  return [near.written(), far.written()];
}
