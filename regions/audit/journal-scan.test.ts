import { describe, expect, test } from 'vitest';

import { must } from '../../ledger/core/assert.ts';
import { chainAfter, CHAIN_START } from '../../ledger/core/chain.ts';
import type { JournalRow } from '../../ledger/core/journal-row.ts';
import { Findings } from './findings.ts';
import { type AccountRow, JournalScan } from './journal-scan.ts';
import { forged, rowOf, twoBooks, type Written } from './test/two-books.ts';

const [near, far] = twoBooks();

/** Scans a book whose chain is right for whatever its rows say. */
function scan(book: Written, change: (account: AccountRow) => AccountRow = (same) => same) {
  const findings = new Findings();
  const accounts = book.opened.map(({ account, externalId, seq }) =>
    change({ ...account, externalId, openedSeq: seq }),
  );
  const scanned = new JournalScan(book.name, accounts, findings);
  let chain: Uint8Array = CHAIN_START;
  for (const rows of book.batches) {
    chain = chainAfter(chain, rows);
    for (const [index, row] of rows.entries()) {
      scanned.row(row, index === rows.length - 1 ? chain : null);
    }
  }
  scanned.end();
  return { scanned, findings };
}

const invariants = ({ findings }: ReturnType<typeof scan>) => [
  ...new Set(findings.kept.map(({ invariant }) => invariant)),
];

const entriesOf = ({ entries }: JournalRow) => must(entries, 'the row has entries');
const peerOf = ({ peer }: JournalRow) => must(peer, 'the row has a peer');

const altering = (externalId: string, fields: Partial<AccountRow>) => (account: AccountRow) =>
  account.externalId === externalId ? { ...account, ...fields } : account;

describe('a journal that is right', () => {
  test('has no findings and is counted', () => {
    const { scanned, findings } = scan(near);
    expect(findings.kept).toEqual([]);
    expect(scanned.counts).toMatchObject({ posted: 4, refused: 1, delivered: 0, returned: 1 });
    expect(scanned.sent).toEqual(new Map([[2, 3]]));
    const other = scan(far);
    expect(other.findings.kept).toEqual([]);
    expect(other.scanned.counts).toMatchObject({ posted: 0, delivered: 1, returned: 0 });
    expect(other.scanned.applied).toEqual(new Map([[1, 2]]));
  });
});

// Whoever can write the chain can make it fit; what the rows say must still add up.
describe('a journal that was forged with a chain that fits', () => {
  const funding = rowOf(near, 'funding');
  const delivered = rowOf(near, 'delivered');
  const inFlight = rowOf(near, 'in flight');

  test.each<[string, string, JournalRow, Partial<JournalRow>]>([
    ['an amount', 'I7', funding, { amount: 501n }],
    ['a balance', 'I7', funding, { entries: { ...entriesOf(funding), creditCredits: 501n } }],
    ['a version', 'I7', funding, { entries: { ...entriesOf(funding), debitVersion: 2 } }],
    ['entries that are missing', 'I7', funding, { entries: null }],
    ['a payee that does not exist', 'I7', funding, { creditAccount: 1n }],
    ['an overdraft that was posted', 'I9', rowOf(near, 'overdraft'), overdrawn()],
    ['a channel number left out', 'I3', inFlight, { peer: { ...peerOf(inFlight), number: 4 } }],
    ['a channel number used twice', 'I3', inFlight, { peer: { ...peerOf(inFlight), number: 2 } }],
    ['a leg past the transit account', 'I2', delivered, { creditAccount: funding.debitAccount }],
    ['an earlier time', 'I11', inFlight, { atMicros: 1 }],
    ['an epoch without a take-over', 'I11', inFlight, { epoch: 7 }],
    ['a gap', 'I11', inFlight, { seq: inFlight.seq + 100 }],
  ])('shows %s as %s', (_, invariant, row, change) => {
    expect(invariants(scan(forged(near, row.seq, change)))).toContain(invariant);
  });

  test('shows a return that was made twice', () => {
    const [last] = near.batches.slice(-1);
    const again = last?.map((row) => ({ ...row, seq: row.seq + last.length })) ?? [];
    const twice = { ...near, batches: [...near.batches, again] };
    expect(invariants(scan(twice))).toContain('I3');
  });

  function overdrawn(): Partial<JournalRow> {
    const before = entriesOf(funding);
    const entries = {
      debitVersion: 2,
      creditVersion: 2,
      debitDebits: 600n,
      debitCredits: before.creditCredits,
      creditDebits: before.debitDebits,
      creditCredits: 600n,
    };
    return { reason: 0, entries };
  }
});

describe('an account table that is not what the journal opened', () => {
  test.each<[string, (account: AccountRow) => AccountRow]>([
    ['a lower limit moved', altering('alice', { minBalance: -1_000n })],
    ['a limit taken away', altering('alice', { minBalance: null })],
    ['another asset', altering('alice', { asset: 'USD' })],
    ['another name', altering('alice', { externalId: 'mallory' })],
  ])('shows %s', (_, altered) => {
    expect(invariants(scan(near, altered))).toContain('I18');
  });

  test('shows an account that was added and one that was taken out', () => {
    const { opened } = near;
    const [first] = opened;
    if (!first) throw new Error('the book has accounts');
    const added = { ...first, account: { ...first.account, id: 99n }, externalId: 'added' };
    expect(invariants(scan({ ...near, opened: [...opened, added] }))).toEqual(['I18']);
    expect(invariants(scan({ ...near, opened: opened.slice(1) }))).toContain('I18');
  });
});
