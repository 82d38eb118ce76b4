import type { Account as AccountView } from '../../../proto/gen/meridian/v1/account.ts';
import type { Entry } from '../../../proto/gen/meridian/v1/query.ts';
import type { AccountSettings } from '../../core/account.ts';
import { type JournalRow, RowKind } from '../../core/journal-row.ts';
import { accountFrom } from '../../store/account-row.ts';
import { accountState, type AccountTotals } from '../../store/account-state.ts';
import type { AsOf, EntryPage } from '../../store/asked-pages.ts';
import { openedAccount } from '../../store/opened-account.ts';
import { entryFrom, MOVING } from '../../store/stored-entry.ts';
import type { StateAt, StoredOpening } from '../../store/stored-records.ts';
import type { MemoryAccount, MemoryBook, MemoryEntry } from './memory-book.ts';

/** An account with its newest totals and settings; undefined: there is none. */
export function accountNow(book: MemoryBook, id: bigint): AccountView | undefined {
  const opened = book.accounts.get(id);
  const state = book.states.get(id);
  if (opened === undefined || state === undefined) return undefined;
  const totals = { ...state, version: BigInt(state.version) };
  return accountView(book, opened, state, totals, book.changes.get(id) ?? []);
}

/** An account as it was after a place or at a time; undefined: there was none yet. */
export function accountAt(
  book: MemoryBook,
  id: bigint,
  asOf: Exclude<AsOf, 'version'>,
  bound: bigint,
  through: bigint,
): AccountView | undefined {
  const opened = book.accounts.get(id);
  if (opened === undefined || BigInt(opened.seq) > through) return undefined;
  if (BigInt(asOf === 'seq' ? opened.seq : opened.atMicros) > bound) return undefined;
  const then = (book.entries.get(id) ?? []).findLast(
    ({ row }) => measureOf(asOf, row) <= bound && BigInt(row.seq) <= through,
  );
  const { minBalance, maxBalance } = opened.account;
  const changes = (book.changes.get(id) ?? []).filter(({ seq }) => seq <= (then?.row.seq ?? 0));
  const settings = changes.flatMap(({ details }) => details?.settings ?? []).at(-1);
  const first = { minBalance, maxBalance, flags: 0 };
  return accountView(book, opened, settings ?? first, totalsAt(then), changes);
}

const measureOf = (asOf: Exclude<AsOf, 'version'>, { seq, atMicros }: JournalRow) =>
  BigInt(asOf === 'seq' ? seq : atMicros);

function accountView(
  book: MemoryBook,
  { account: { id, asset }, externalId, metadata, atMicros }: MemoryAccount,
  { minBalance, maxBalance, flags }: AccountSettings,
  { debits, credits, heldDebits, heldCredits, version }: AccountTotals,
  changes: readonly JournalRow[],
): AccountView {
  const newest = changes.findLast(
    ({ details }) => details?.options.startsWith('{"change":"metadata"') === true,
  );
  const row = {
    id,
    external_id: externalId,
    asset,
    scale: book.assets.get(asset)?.scale ?? null,
    min_balance: minBalance,
    max_balance: maxBalance,
    flags,
    metadata: { ...(newest?.metadata ?? metadata) },
    opened_micros: BigInt(atMicros),
  };
  return accountFrom(row, { debits, credits, heldDebits, heldCredits, version }, book.book);
}

/** An account as it was opened, and the row that records it; undefined: there is none. */
export function openingOf(book: MemoryBook, externalId: string): StoredOpening | undefined {
  const opened = book.byExternalId.get(externalId);
  const row = book.rows.find(({ seq }) => seq === opened?.seq);
  if (opened === undefined || row === undefined) return undefined;
  const { asset, minBalance, maxBalance, id } = opened.account;
  const openedAs = { asset, minBalance, maxBalance, metadata: opened.metadata };
  const scale = book.assets.get(asset)?.scale;
  return {
    account: openedAccount(book.book, id, externalId, openedAs, row.atMicros, scale),
    openedAs,
    epoch: BigInt(row.epoch),
    seq: BigInt(row.seq),
  };
}

/** Totals of an account after the newest version at or before a bound. */
export function stateAt(book: MemoryBook, account: bigint, asOf: AsOf, bound: bigint): StateAt {
  const then = (book.entries.get(account) ?? []).findLast(({ row, version }) =>
    asOf === 'version' ? BigInt(version) <= bound : measureOf(asOf, row) <= bound,
  );
  return { seq: BigInt(then?.row.seq ?? 0), state: accountState(account, totalsAt(then)) };
}

/** Totals after a version; undefined: before the first one. */
function totalsAt(entry: MemoryEntry | undefined): AccountTotals {
  const { entries = null } = entry?.row ?? {};
  const held = entries?.held;
  const version = BigInt(entry?.version ?? 0);
  return entry?.side === 'debit'
    ? {
        version,
        debits: entries?.debitDebits ?? 0n,
        credits: entries?.debitCredits ?? 0n,
        heldDebits: held?.debitHeldDebits ?? 0n,
        heldCredits: held?.debitHeldCredits ?? 0n,
      }
    : {
        version,
        debits: entries?.creditDebits ?? 0n,
        credits: entries?.creditCredits ?? 0n,
        heldDebits: held?.creditHeldDebits ?? 0n,
        heldCredits: held?.creditHeldCredits ?? 0n,
      };
}

/** A page of an account's entries, by version. */
export function entriesOf(book: MemoryBook, page: EntryPage): Entry[] {
  const wanted = (book.entries.get(page.account) ?? []).filter(
    ({ version, row }) =>
      BigInt(version) > page.after &&
      BigInt(version) <= page.through &&
      (!page.movingOnly || MOVING.includes(row.kind)),
  );
  const ordered = page.newestFirst ? wanted.toReversed() : wanted;
  return ordered.slice(0, page.limit).map((entry) => entryOf(book, page.account, entry));
}

function entryOf(book: MemoryBook, account: bigint, entry: MemoryEntry): Entry {
  const { row, side } = entry;
  const { state } = stateAt(book, account, 'version', BigInt(entry.version));
  const other = side === 'debit' ? row.creditAccount : row.debitAccount;
  const drawn = row.details?.drawn?.id ?? null;
  const shown = side === 'credit' && row.kind === RowKind.change ? 'none' : side;
  return entryFrom(
    {
      version: state.version,
      side: shown,
      amount: row.amount,
      counterparty: row.peer?.account ?? other,
      debits_after: state.debits,
      credits_after: state.credits,
      balance_after: state.balance,
      held_debits_after: state.heldDebits,
      held_credits_after: state.heldCredits,
      available_after: state.available,
      transfer_id: row.originId ?? row.id,
      drawn_id: drawn,
      origin_id: book.byId.get(drawn ?? '')?.originId ?? null,
      group_id: row.details?.groupId ?? null,
      kind: row.kind,
      seq: BigInt(row.seq),
      epoch: BigInt(row.epoch),
      key: row.key,
      code: row.code,
      reference: row.reference,
      metadata: { ...row.metadata },
      changed_by: row.details?.by ?? null,
      at_micros: BigInt(row.atMicros),
    },
    book.book.number,
  );
}
