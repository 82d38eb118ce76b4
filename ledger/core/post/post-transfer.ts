import { bookOf } from '../account-id.ts';
import { rowsOf } from '../validate/request-rows.ts';
import type { TransferFields } from '../validate/same-request.ts';
import { type Batch, ChannelDiverged } from './batch.ts';
import type { HaltedOutcome, TransferCommand, TransferOutcome } from './command.ts';
import type { CommandKind, Needs } from './command-kind.ts';
import { postGroup } from './post-group.ts';
import { reversedRowId } from './post-reversal.ts';
import { postSingle } from './post-single.ts';

/** Makes a transfer of any action. */
export function postTransfer(
  batch: Batch,
  command: TransferCommand,
): TransferOutcome | HaltedOutcome {
  const { id, request } = command;
  try {
    return request.action?.$case === 'group'
      ? postGroup(batch, command, request.action.value.legs)
      : postSingle(batch, { id, request, groupId: null });
  } catch (error) {
    if (error instanceof ChannelDiverged) return { kind: 'halted', peerBook: error.peerBook };
    throw error;
  }
}

/** Adds what a transfer, or each leg of a group, may look at. */
export function addTransferNeeds(needs: Needs, request: TransferFields): void {
  const { action, debitAccountId, creditAccountId, conditions } = request;
  if (action?.$case === 'group') {
    for (const leg of action.value.legs) addTransferNeeds(needs, leg);
    return;
  }
  const { book, accounts, originals } = needs;
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

export const transfer: CommandKind<'transfer'> = {
  rows: ({ request }) => rowsOf(request),
  addNeeds: (needs, { request }) => addTransferNeeds(needs, request),
  post: postTransfer,
};
