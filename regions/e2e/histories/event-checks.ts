import { expect } from 'vitest';
import { bookOf } from '../../../ledger/core/account-id.ts';
import { must } from '../../../ledger/core/assert.ts';
import {
  type ModelBook,
  type ModelTransfer,
  usable,
} from '../../../ledger/testing/model/model-state.ts';
import { type Event, EventKind } from '../../../proto/gen/meridian/v1/event.ts';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import type { ClusterRun } from './cluster-run.ts';

/** Expects every row of a history to agree with the model. */
export function checkEvents(run: ClusterRun): void {
  for (const book of run.replay.model.books) {
    const drawn = new Drawn();
    for (const event of run.replay.applied[book.number - 1] ?? []) {
      if (event.kind === EventKind.ACCOUNT_CHANGED) checkChange(run, book, event);
      else checkMovement(run, book, event, drawn);
    }
  }
}

function checkChange(run: ClusterRun, book: ModelBook, event: Event): void {
  const change = must(
    book.changes.find(({ id }) => id === event.transferId),
    'the model has the change',
  );
  const { request, reason } = change;
  expect(event).toEqual({
    ...event,
    reason,
    idempotencyKey: request.idempotencyKey,
    namespace: request.namespace,
    debitAccountId: 0n,
    creditAccountId: run.ids.of(request.accountId),
    amount: 0n,
    reference: request.why,
    metadata: request.change?.$case === 'metadata' ? request.change.value.metadata : {},
    by: request.by,
  });
}

/** Rows that no request asks for: they follow from another row. */
const CONSEQUENCES: ReadonlySet<EventKind> = new Set([
  EventKind.SETTLEMENT,
  EventKind.RETURN,
  EventKind.EXPIRY,
  EventKind.REST,
]);

function checkMovement(run: ClusterRun, book: ModelBook, event: Event, drawn: Drawn): void {
  const { kind } = event;
  const payerBook = kind === EventKind.SETTLEMENT ? bookOf(event.debitAccountId) : book.number;
  const decidedIn = run.replay.model.book(payerBook);
  const transfer = must(
    decidedIn.transfers.find(({ id }) => id === event.transferId),
    'the model has the transfer',
  );
  const left = drawn.after(book, event, transfer);
  if (CONSEQUENCES.has(kind)) {
    expect(event).toEqual({
      ...event,
      ...consequence(run, book, event, transfer),
      left: kind === EventKind.SETTLEMENT ? 0n : left,
      idempotencyKey: '',
      groupId: '',
    });
  } else {
    checkRequest(run, book, event, transfer, left);
  }
}

/** What a row contains of the transfer that caused it. */
function consequence(
  run: ClusterRun,
  book: ModelBook,
  { kind, originId }: Event,
  { id, request, amount, travel, ...transfer }: ModelTransfer,
): Partial<Event> {
  const { action } = request;
  const payer = run.ids.of(transfer.payer);
  const payee = run.ids.of(transfer.payee);
  const sent = {
    reason: travel?.verdict ?? Reason.UNSPECIFIED,
    amount,
    asset: travel?.asset ?? '',
    // The hold of a capture is no concern of the other book.
    originId: action?.$case === 'reversal' ? action.value.transferId : '',
  };
  if (kind === EventKind.SETTLEMENT) {
    const { code, reference, metadata } = request;
    return { ...sent, debitAccountId: payer, creditAccountId: payee, code, reference, metadata };
  }
  if (kind === EventKind.RETURN) {
    const back = { ...sent, debitAccountId: payee, creditAccountId: payer };
    if (action?.$case !== 'capture') return back;
    const { holdId } = action.value;
    // The hold has the amount again, or may expire with it.
    if (travel?.gaveBack === true) return { ...back, originId: holdId };
    return { ...back, originId: book.expired.includes(holdId) ? originId : '' };
  }
  const accounts = { debitAccountId: payer, creditAccountId: payee };
  const hold = action?.$case === 'capture' ? action.value.holdId : id;
  return { reason: Reason.UNSPECIFIED, originId: hold, ...accounts };
}

function checkRequest(
  run: ClusterRun,
  book: ModelBook,
  event: Event,
  transfer: ModelTransfer,
  left: bigint,
): void {
  const { id, reason, payer } = transfer;
  const groupId = book.transfers.find(({ legs }) => legs.includes(transfer))?.id ?? '';
  const made = run.made.find((each) => each.book === book.number && each.id === id);
  const key = made?.request ?? { idempotencyKey: '', namespace: '' };
  const applied = reason === Reason.UNSPECIFIED;
  const expected = run.expected.transfer(book, transfer, key, groupId);
  expect(event).toEqual({
    ...event,
    kind: KINDS[transfer.request.action?.$case ?? 'transfer'],
    reason,
    idempotencyKey: expected.idempotencyKey,
    namespace: expected.namespace,
    debitAccountId: expected.debitAccountId,
    creditAccountId: expected.creditAccountId,
    amount: applied ? expected.actualAmount : expected.amount,
    code: expected.code,
    reference: expected.reference,
    metadata: expected.metadata,
    expiresAt: expected.expiresAt,
    ...(applied ? { asset: usable(book, payer)?.asset ?? '' } : {}),
    groupId,
    by: '',
    left,
    originId: originOf(transfer),
  });
}

const KINDS = {
  transfer: EventKind.TRANSFER,
  hold: EventKind.HOLD,
  capture: EventKind.CAPTURE,
  release: EventKind.RELEASE,
  reversal: EventKind.REVERSAL,
  group: EventKind.GROUP,
} as const;

function originOf({ request: { action } }: ModelTransfer): string {
  switch (action?.$case) {
    case 'capture':
    case 'release':
      return action.value.holdId;
    case 'reversal':
      return action.value.transferId;
    case 'hold':
    case 'group':
    case undefined:
      return '';
  }
}

/** What is left of the holds and transfers of a book, row by row. */
class Drawn {
  readonly #left = new Map<string, bigint>();

  /** What is left, according to a row, of what it draws on; zero if it draws on nothing. */
  after(book: ModelBook, event: Event, transfer: ModelTransfer): bigint {
    const { kind, reason, amount, transferId } = event;
    const { action } = transfer.request;
    const origin = originOf(transfer);
    const away = bookOf(transfer.payee) !== book.number;
    if (kind === EventKind.RETURN) {
      if (action?.$case === 'reversal') {
        return this.#add(`${bookOf(transfer.payee)} ${origin}`, amount);
      }
      return transfer.travel?.gaveBack === true ? this.#add(`hold ${origin}`, amount) : 0n;
    }
    if (reason !== Reason.UNSPECIFIED) return 0n;
    if (kind === EventKind.HOLD) this.#add(`hold ${transferId}`, amount);
    if (kind === EventKind.SETTLEMENT) this.#add(`${bookOf(transfer.payer)} ${transferId}`, amount);
    if (kind === EventKind.REVERSAL)
      return this.#add(`${bookOf(transfer.payee)} ${origin}`, -amount);
    const moved = kind === EventKind.TRANSFER || kind === EventKind.CAPTURE;
    if (moved && !away) this.#add(`${book.number} ${transferId}`, amount);
    if (kind !== EventKind.CAPTURE) return 0n;
    const left = this.#add(`hold ${origin}`, -amount);
    return action?.$case === 'capture' && action.value.final && !away ? 0n : left;
  }

  #add(what: string, amount: bigint): bigint {
    const left = (this.#left.get(what) ?? 0n) + amount;
    this.#left.set(what, left);
    return left;
  }
}
