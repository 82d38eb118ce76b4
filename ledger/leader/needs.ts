import { bookOf } from '../core/account-id.ts';
import type { Command } from '../core/command.ts';
import { reversedBy } from '../core/post-settlement.ts';
import { reversedRowId } from '../core/post-reversal.ts';
import type { TransferFields } from '../core/same-request.ts';

/** What a batch must find in memory: accounts and rows that it may look at. */
export interface Needs {
  /** An account may occur several times: a set of all would cost more than it saves. */
  readonly accounts: readonly bigint[];
  readonly originals: ReadonlySet<string>;
}

/** What the commands may look at in a book, but for the accounts of the originals themselves. */
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
        for (const { leg, capture } of command.refused) {
          accounts.push(leg.debitAccountId);
          if (leg.reversalOf !== '') originals.add(reversedBy(leg));
          if (capture !== null) originals.add(capture.holdId);
        }
        for (const { holdId } of command.finals) originals.add(holdId);
        break;
      case 'expire':
        for (const id of command.holds) originals.add(id);
        break;
      case 'open':
      case 'asset':
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
