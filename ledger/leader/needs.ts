import { bookOf } from '../core/account-id.ts';
import type { Command } from '../core/command.ts';
import { reversedBy } from '../core/post-settlement.ts';
import { reversedRowId } from '../core/post-reversal.ts';
import type { TransferFields } from '../core/same-request.ts';

/** What a batch must find in memory: accounts and rows that it may look at. */
export interface Needs {
  readonly accounts: ReadonlySet<bigint>;
  readonly originals: ReadonlySet<string>;
}

/** What the commands may look at in a book, but for the accounts of the originals themselves. */
export function needsOf(commands: readonly Command[], book: number): Needs {
  const accounts = new Set<bigint>();
  const originals = new Set<string>();
  for (const command of commands) {
    switch (command.kind) {
      case 'transfer':
        addTransfer(command.request, book, accounts, originals);
        break;
      case 'change':
        accounts.add(command.request.accountId);
        break;
      case 'settle':
        for (const leg of command.legs) accounts.add(leg.creditAccountId);
        break;
      case 'close':
        for (const { leg } of command.refused) {
          accounts.add(leg.debitAccountId);
          if (leg.reversalOf !== '') originals.add(reversedBy(leg));
        }
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
  accounts: Set<bigint>,
  originals: Set<string>,
): void {
  const { action, debitAccountId, creditAccountId, conditions } = request;
  if (action?.$case === 'group') {
    for (const leg of action.value.legs) addTransfer(leg, book, accounts, originals);
    return;
  }
  accounts.add(debitAccountId);
  if (bookOf(creditAccountId) === book) accounts.add(creditAccountId);
  if (conditions !== undefined) {
    for (const { accountId } of conditions.allOf) accounts.add(accountId);
  }
  if (action === undefined) return;
  if (action.$case === 'capture' || action.$case === 'release') originals.add(action.value.holdId);
  if (action.$case === 'reversal') {
    originals.add(reversedRowId(book, action.value.transferId, creditAccountId));
  }
}
