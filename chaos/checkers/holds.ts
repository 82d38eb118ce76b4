import { JUMP_MICROS, SLEW } from '../../ledger/leader/steady-clock.ts';
import { transferIdOf } from '../../ledger/core/transfer-id.ts';
import type { TransferOperation } from '../history/operation.ts';
import { checkPace, skewMsOf } from './book-pace.ts';
import { callName, decidingBook } from './calls.ts';
import type { Evidence } from './evidence.ts';
import { takeFindings } from './from-audit.ts';
import { Case, type Checker } from './verdict.ts';

/** Timers of the harness and of the servers wake up late, and rows are stamped per batch. */
const TIMER_MS = 5;

/**
 * I10: no more is drawn than is left, a hold resolves once, never early and never too late.
 *
 * What is left of every hold and of everything that is reversed follows from the journal, where
 * expiries and captures stand on their side of the hold's end by the book's own clock (the audit
 * of the journal). By the clock of the harness no client heard that a hold had expired before
 * its time, counted from when the hold was asked for, and none captured it later than its
 * time after the hold was answered; both within what the books' clocks may be off: what one
 * leader's clock is slewed by while the hold lasts, and what the clocks of two leaders may be apart.
 * And the time of each book passes as the harness's does.
 */
export const holds: Checker = (evidence) => {
  const found = new Case();
  found.unknown(...evidence.missing);
  takeFindings(found, evidence, 'I10');
  checkPace(evidence, found);
  const skewMs = skewMsOf(evidence);
  const leewayMs = (held: Held, epoch: number) => skewMs + clocksApartMs(held, epoch);
  const heldBy = holdsOf(evidence);
  for (const operation of evidence.operations.transfers) {
    const { value, reply } = operation;
    if (reply === null || reply.replayed || value.dryRun) continue;
    const { action } = value;
    if (action?.$case !== 'capture' && action?.$case !== 'release') continue;
    const held = heldBy.get(callName(decidingBook(value), action.value.holdId));
    if (held === undefined) continue;
    found.looked();
    const what = `hold ${action.value.holdId} of ${held.timeoutMs / 1_000} s`;
    const operations = [held.operation, operation];
    if (reply.status === 'REJECTED') {
      if (reply.reason !== 'HOLD_EXPIRED') continue;
      const afterMs = (operation.completedNs - held.operation.invokedNs) / 1e6;
      if (afterMs >= held.timeoutMs - leewayMs(held, reply.position.epoch)) continue;
      found.violated(`${what} had expired after ${Math.round(afterMs)} ms`, { operations });
    } else {
      const afterMs = (operation.invokedNs - held.operation.completedNs) / 1e6;
      if (afterMs <= held.timeoutMs + leewayMs(held, reply.position.epoch)) continue;
      found.violated(`${what} was drawn on after ${Math.round(afterMs)} ms`, { operations });
    }
  }
  for (const operation of evidence.operations.lookUps) {
    const { reply } = operation;
    if (reply?.found?.status !== 'EXPIRED') continue;
    const held = heldBy.get(callName(operation.value.book, operation.value.transferId));
    if (held === undefined) continue;
    found.looked();
    const afterMs = (operation.completedNs - held.operation.invokedNs) / 1e6;
    if (afterMs >= held.timeoutMs - leewayMs(held, reply.position.epoch)) continue;
    const text = `hold ${operation.value.transferId} of ${held.timeoutMs / 1_000} s was seen expired`;
    const operations = [held.operation, operation];
    found.violated(`${text} after ${Math.round(afterMs)} ms`, { operations });
  }
  return found.verdict();
};

interface Held {
  readonly operation: TransferOperation;
  readonly epoch: number;
  readonly timeoutMs: number;
}

/**
 * How far the time of a book from when a hold was made until an answer of an epoch may differ from
 * elapsed time: one leader's clock is slewed, those of two may be apart.
 */
function clocksApartMs({ epoch, timeoutMs }: Held, answeredIn: number): number {
  return epoch === answeredIn ? timeoutMs * SLEW + TIMER_MS : JUMP_MICROS / 1_000;
}

/** Holds that expire and whose own call was the one that made them. */
function holdsOf({ operations }: Evidence): Map<string, Held> {
  const held = new Map<string, Held>();
  for (const operation of operations.transfers) {
    const { value, reply } = operation;
    if (value.action?.$case !== 'hold' || value.dryRun) continue;
    if (reply === null || reply.replayed || reply.status === 'REJECTED') continue;
    const { timeoutSeconds } = value.action.value;
    if (timeoutSeconds === 0) continue;
    const id = transferIdOf(value.namespace, value.idempotencyKey);
    const name = callName(decidingBook(value), id);
    held.set(name, { operation, epoch: reply.position.epoch, timeoutMs: timeoutSeconds * 1_000 });
  }
  return held;
}
