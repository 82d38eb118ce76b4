import { describe, expect, test } from 'vitest';

import { must } from '../core/assert.ts';
import { type JournalRow, RowKind } from '../core/journal-row.ts';
import type { AuditedAccount } from './account-fold.ts';
import { scan } from './test/scanned.ts';
import { twoBooks } from './test/two-books.ts';
import { forged, rowOf } from './test/written-book.ts';

const [near, far] = twoBooks();

const invariants = ({ findings }: ReturnType<typeof scan>) => [
  ...new Set(findings.kept.map(({ invariant }) => invariant)),
];

const entriesOf = ({ entries }: JournalRow) => must(entries, 'the row has entries');
const peerOf = ({ peer }: JournalRow) => must(peer, 'the row has a peer');

/** As a repair books it. */
const recovered = (row: JournalRow): Partial<JournalRow> => ({
  kind: RowKind.recovered,
  originId: row.id,
  peer: { ...peerOf(row), number: 2 },
});

const altering =
  (externalId: string, fields: Partial<AuditedAccount>) => (account: AuditedAccount) =>
    account.externalId === externalId ? { ...account, ...fields } : account;

describe('a journal that is right', () => {
  test('has no findings and is counted', () => {
    const { scanned, findings } = scan(near);
    expect(findings.kept).toEqual([]);
    expect(scanned.counts).toMatchObject({ posted: 4, refused: 1, delivered: 0, returned: 1 });
    expect(scanned.channels.sent).toEqual(new Map([[2, 3]]));
    const other = scan(far);
    expect(other.findings.kept).toEqual([]);
    expect(other.scanned.counts).toMatchObject({ posted: 0, delivered: 1, returned: 0 });
    expect(other.scanned.channels.applied).toEqual(new Map([[1, 2]]));
  });
});

// A forger who can write the chain can make it fit; the rows must still add up.
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
    const last = must(near.batches.at(-1), 'the book has batches');
    const rows = last.rows.map((row) => ({ ...row, seq: row.seq + last.rows.length }));
    const twice = { ...near, batches: [...near.batches, { ...last, rows }] };
    expect(invariants(scan(twice))).toContain('I3');
  });

  test('shows a number that two legs were recovered with as I3', () => {
    const once = forged(near, delivered.seq, recovered(delivered));
    const twice = forged(once, inFlight.seq, recovered(inFlight));
    const texts = scan(twice).findings.kept.map(({ invariant, text }) => `${invariant} ${text}`);
    expect(texts).toContainEqual(
      expect.stringMatching(/^I3 .*number 2 of book 2 is recovered twice/),
    );
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
      held: null,
    };
    return { reason: 0, entries };
  }
});

describe('an account table that is not what the journal opened', () => {
  test.each<[string, (account: AuditedAccount) => AuditedAccount]>([
    ['a lower limit moved', altering('alice', { minBalance: -1_000n })],
    ['a limit taken away', altering('alice', { minBalance: null })],
    ['another asset', altering('alice', { asset: 'USD' })],
    ['another name', altering('alice', { externalId: 'mallory' })],
  ])('shows %s', (_, altered) => {
    expect(invariants(scan(near, { account: altered }))).toContain('I18');
  });

  test('shows an account that was added and one that was taken out', () => {
    const first = must(near.batches[0], 'the book has batches');
    const bank = must(first.opened[0], 'the first batch opens an account');
    const added = { ...bank, account: { ...bank.account, id: 99n }, externalId: 'added' };
    const withOpened = (opened: typeof first.opened) => ({
      ...near,
      batches: [{ ...first, opened }, ...near.batches.slice(1)],
    });
    expect(invariants(scan(withOpened([bank, added])))).toEqual(['I18']);
    expect(invariants(scan(withOpened([])))).toContain('I18');
  });
});
