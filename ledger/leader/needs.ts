import { bookOf } from '../core/account-id.ts';
import type { Command, RecoverCommand } from '../core/post/command.ts';
import { drawnBy } from '../core/post/post-settlement.ts';
import { reversedRowId } from '../core/post/post-reversal.ts';
import type { TransferFields } from '../core/validate/same-request.ts';

/** The accounts and rows that a batch may look at, and must find in memory. */
export interface Needs {
  /** An account may occur several times: a set of all would cost more than it saves. */
  readonly accounts: readonly bigint[];
  readonly originals: ReadonlySet<string>;
}

/** Returns what the commands may look at, except the accounts of the originals themselves. */
export function needsOf(commands: readonly Command[], book: number): Needs {
  const accounts: bigint[] = [];
  const originals = new Set<string>();
  for (const command of commands) {
    switch (command.kind) {
      case 'transfer':
        addTransfer(command.request, book, accounts, originals);
        break;
      case 'change':
        accounts.push(command.request.accountId);
        break;
      case 'settle':
        for (const leg of command.legs) accounts.push(leg.creditAccountId);
        break;
      case 'close':
        for (const refused of command.refused) {
          accounts.push(refused.leg.debitAccountId);
          const drawn = drawnBy(refused);
          if (drawn !== null) originals.add(drawn);
          if (refused.capture !== null) originals.add(refused.capture.holdId);
        }
        for (const { holdId } of command.finals) originals.add(holdId);
        break;
      case 'recover':
        addRecovery(command, book, accounts, originals);
        break;
      case 'expire':
        for (const id of command.holds) originals.add(id);
        break;
      case 'open':
      case 'asset':
      case 'diverge':
      case 'rehash':
        break;
    }
  }
  return { accounts, originals };
}

function addTransfer(
  request: TransferFields,
  book: number,
  accounts: bigint[],
  originals: Set<string>,
): void {
  const { action, debitAccountId, creditAccountId, conditions } = request;
  if (action?.$case === 'group') {
    for (const leg of action.value.legs) addTransfer(leg, book, accounts, originals);
    return;
  }
  accounts.push(debitAccountId);
  if (bookOf(creditAccountId) === book) accounts.push(creditAccountId);
  if (conditions !== undefined) {
    for (const { accountId } of conditions.allOf) accounts.push(accountId);
  }
  if (action === undefined) return;
  if (action.$case === 'capture' || action.$case === 'release') originals.add(action.value.holdId);
  if (action.$case === 'reversal') {
    originals.add(reversedRowId(book, action.value.transferId, creditAccountId));
  }
}

function addRecovery(
  { undone, sent, arrived }: RecoverCommand,
  book: number,
  accounts: bigint[],
  originals: Set<string>,
): void {
  for (const { leg, drawn, capture } of undone) {
    accounts.push(leg.debitAccountId);
    if (drawn !== null) originals.add(drawn);
    if (capture !== null) originals.add(capture.holdId);
  }
  for (const { leg, capture } of sent) {
    accounts.push(leg.debitAccountId);
    if (capture !== null) originals.add(capture.holdId);
    if (leg.reversalOf !== '') {
      originals.add(reversedRowId(book, leg.reversalOf, leg.creditAccountId));
    }
  }
  for (const { leg } of arrived) accounts.push(leg.creditAccountId);
}
