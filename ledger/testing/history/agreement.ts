import assert from 'node:assert/strict';
import { type Account, AccountFlag } from '../../core/account.ts';
import { must } from '../../core/assert.ts';
import type { OutcomeDetails, TransferOutcome } from '../../core/post/command.ts';
import { metadataText } from '../model/differing-field.ts';
import { accountNow, holdNow, leftToReverse } from '../model/fold.ts';
import type { ModelAccount, ModelBook, ModelRequest, ModelTransfer } from '../model/model-state.ts';
import { storedOptions } from '../../core/validate/options.ts';
import { differingTransferField } from '../../core/validate/same-request.ts';
import { settlementId } from '../../core/transfer-id.ts';
import type { SimBook } from '../books/sim-book.ts';
import type { JournalFold } from '../books/invariants.ts';

/** Throws unless post() and the model agree on a transfer, to the last field. */
export function checkOutcome(outcome: TransferOutcome | undefined, expected: ModelTransfer): void {
  assert.deepEqual(outcome && withDetails(outcome), expectedOutcome(expected));
}

const NO_DETAILS: OutcomeDetails = { actualAmount: 0n, expiresAtMicros: null, legs: null };

/** Whatever has no details might as well have empty ones. */
function withDetails(outcome: TransferOutcome): unknown {
  const { legs, ...details } = outcome.details ?? NO_DETAILS;
  const own = legs?.map((leg) => ({ id: leg.id, outcome: withDetails(leg.outcome) })) ?? null;
  return { ...outcome, details: { ...details, legs: own } };
}

function expectedOutcome(transfer: ModelTransfer): unknown {
  const { request, reason, seq, amount, expiresAt, travel, legs } = transfer;
  const { action, upTo, rest = false } = request;
  const isGroup = action?.$case === 'group';
  const isOpen = upTo !== 0 || rest || (request.amount === 0n && !isGroup);
  const own = legs.map((leg) => ({ id: leg.id, outcome: expectedOutcome(leg) }));
  return {
    kind: 'transfer',
    reason,
    seq,
    channel: travel === null ? null : { peerBook: travel.to, number: travel.number },
    details: {
      actualAmount: isOpen ? amount : 0n,
      expiresAtMicros: expiresAt,
      legs: isGroup ? own : null,
    },
  };
}

/** An account as it is opened. */
export function openedAccount({ id, asset, min, max, transit }: ModelAccount): Account {
  const limits = { minBalance: min, maxBalance: max };
  const totals = { debits: 0n, credits: 0n, heldDebits: 0n, heldCredits: 0n };
  return { id, asset, transit, ...limits, ...totals, version: 0, flags: 0 };
}

/**
 * Throws unless a book is in every respect as the model has it.
 * @param checked how many of its transfers have been compared with their rows before
 */
export function checkBook(
  book: SimBook,
  fold: JournalFold,
  model: ModelBook,
  checked: number,
): void {
  assert.equal(book.rows.length, model.rows, 'the model has as many rows');
  checkAccounts(book, fold, model);
  for (const transfer of model.transfers.slice(checked)) checkRow(book, transfer);
  for (const transfer of model.transfers) checkLeft(book, model, transfer);
  for (const { from, transfer } of model.received) {
    const original = book.storedOriginal(settlementId(from, transfer.id));
    const left = leftToReverse(model, transfer, from);
    assert.equal(original?.left, left, 'as much is left to reverse');
  }
  for (const original of book.originals.values()) {
    assert.deepEqual(original, book.storedOriginal(original.id), 'the journal has the same');
  }
}

function checkAccounts(book: SimBook, fold: JournalFold, model: ModelBook): void {
  assert.equal(book.stored.size, model.accounts.length, 'the model has as many accounts');
  for (const account of model.accounts) {
    const { id, asset, transit, externalId } = account;
    const now = accountNow(model, account);
    const { debits, credits, heldDebits, heldCredits, version } = now;
    const flags =
      (now.frozenIn ? AccountFlag.frozenIn : 0) +
      (now.frozenOut ? AccountFlag.frozenOut : 0) +
      (now.closed ? AccountFlag.closed : 0);
    const limits = { minBalance: now.min, maxBalance: now.max };
    const totals = { debits, credits, heldDebits, heldCredits, version, flags };
    const stored = must(book.stored.get(id), `account ${id} is stored`);
    const expected = { id, asset, transit, ...limits, ...totals };
    assert.deepEqual(stored, expected);
    assert.equal(fold.externalIds.get(externalId), id, 'it has its external id');
    const metadata = fold.accounts.get(id)?.metadata ?? {};
    assert.equal(metadataText(metadata), metadataText(now.metadata), 'it has its metadata');
  }
}

/** The row of a transfer records what was asked and what it came to. */
function checkRow(book: SimBook, transfer: ModelTransfer): void {
  const { id, request, reason, seq, amount, expiresAt } = transfer;
  const row = must(book.rows[seq - 1], `transfer ${id} has a row`);
  const moved = amount === 0n ? null : amount;
  const asked = request.amount === 0n ? null : request.amount;
  assert.deepEqual(
    [row.id, row.reason, row.amount, row.details?.expiresAtMicros ?? null],
    [id, reason, reason === 0 ? moved : asked, expiresAt],
  );
  const stored = storedOptions(row.details?.options ?? '');
  const { action } = request;
  const again: ModelRequest = {
    debitAccountId: row.debitAccount ?? 0n,
    // The row of a capture or release has the payee of its hold, that of a group none.
    creditAccountId: request.creditAccountId && (row.peer?.account ?? row.creditAccount ?? 0n),
    amount: stored.amount ?? row.amount ?? 0n,
    asset: row.asset,
    code: row.code,
    reference: row.reference,
    metadata: { ...row.metadata },
    action: action?.$case === 'group' ? action : stored.action,
    upTo: stored.upTo,
    conditions: stored.conditions,
    allowZero: stored.allowZero,
    rest: stored.rest,
  };
  assert.equal(differingTransferField(again, request), '', 'the row has the request');
}

function checkLeft(book: SimBook, model: ModelBook, transfer: ModelTransfer): void {
  const { id, request, reason, travel } = transfer;
  if (reason !== 0) return;
  const original = book.storedOriginal(id);
  switch (request.action?.$case) {
    case 'hold':
      assert.equal(original?.left, holdNow(model, transfer).left, 'as much is left of the hold');
      break;
    case 'capture':
    case undefined:
      if (travel !== null) break;
      assert.equal(original?.left, leftToReverse(model, transfer, model.number), 'as much is left');
      break;
    case 'release':
    case 'reversal':
    case 'group':
      break;
  }
}
