import type { Command } from 'commander';

import { isTransferId, transferIdOf } from '../../../ledger/core/transfer-id.ts';
import {
  type GetTransferResponse,
  GetTransferRequest,
  type Transfer,
} from '../../../proto/gen/meridian/v1/transfer.ts';
import type { MeridianClient } from '../../../router/client/client.ts';
import { findAccount } from './account-name.ts';
import { CommandFailure, ExitCode } from '../../terminal/failure.ts';
import type { Unit } from '../values/amount.ts';

/** How a user names a transfer besides its key or id. */
export interface LookUpOptions {
  readonly namespace: string;
  /** Id or external id of the payer; undefined: every book is asked. */
  readonly from?: string;
}

export function withPayerOption(command: Command): Command {
  return command.option(
    '--from <account>',
    'payer of the transfer, where its key was used in several books',
  );
}

/**
 * Asks for a transfer by its id, which is a UUID, or else by its key: the book of the payer, or
 * every book. CallError AMBIGUOUS_KEY, BOOKS_SILENT: without the payer no answer is certain.
 * CommandFailure (refused): the transfer has another payer.
 */
export async function askForTransfer(
  client: MeridianClient,
  name: string,
  { namespace, from }: LookUpOptions,
): Promise<GetTransferResponse> {
  const debitAccountId = from === undefined ? 0n : (await findAccount(client, from)).id;
  const response = await askByName(client, name, namespace, debitAccountId);
  if (response.transfer && debitAccountId !== 0n)
    checkPayer(name, response.transfer, from ?? '', debitAccountId);
  return response;
}

/**
 * A UUID without a namespace is an id. Of version 8 it may be a key too, of a transfer whose id
 * is another. CommandFailure (refused): it is the id of one transfer and the key of another.
 */
export async function askByName(
  client: Pick<MeridianClient, 'getTransfer'>,
  name: string,
  namespace: string,
  debitAccountId: bigint,
): Promise<GetTransferResponse> {
  const ask = (by: GetTransferRequest['by']) =>
    client.getTransfer(GetTransferRequest.create({ by, namespace, debitAccountId }));
  const id = name.toLowerCase();
  const isId = namespace === '' && isTransferId(id);
  if (!isId) return ask({ $case: 'idempotencyKey', value: name });
  const byId = await ask({ $case: 'transferId', value: id });
  // The key of any other UUID is its id.
  if (transferIdOf('', id) === id) return byId;
  const byKey = await ask({ $case: 'idempotencyKey', value: name });
  if (byId.transfer === undefined || byKey.transfer === undefined)
    return byId.transfer === undefined ? byKey : byId;
  const other = byKey.transfer.transferId;
  throw new CommandFailure(
    ExitCode.refused,
    `"${name}" is the id of one transfer and the key of another, whose id is ${other}`,
  );
}

/** A key belongs to a book: in the book of the payer it may be that of another payer. */
function checkPayer(name: string, transfer: Transfer, from: string, payer: bigint): void {
  const payers = [transfer, ...transfer.legs].map(({ debitAccountId }) => debitAccountId);
  if (payers.includes(payer)) return;
  throw new CommandFailure(ExitCode.refused, `"${name}" is not a transfer from ${from}`);
}

/** Throws CommandFailure (refused) when no book has seen it. */
export async function findTransfer(
  client: MeridianClient,
  name: string,
  options: LookUpOptions,
): Promise<Transfer> {
  const { transfer } = await askForTransfer(client, name, options);
  if (transfer) return transfer;
  throw new CommandFailure(ExitCode.refused, `"${name}" was never seen`);
}

/** The same for a hold. Throws CommandFailure (refused) for another kind of transfer. */
export async function findHold(
  client: MeridianClient,
  name: string,
  options: LookUpOptions,
): Promise<Transfer> {
  const transfer = await findTransfer(client, name, options);
  if (transfer.action?.$case === 'hold') return transfer;
  throw new CommandFailure(ExitCode.refused, `"${name}" is not a hold`);
}

/** What the amounts of an account are counted in; an account that is not there has no unit. */
export async function unitOf(client: MeridianClient, accountId: bigint): Promise<Unit> {
  if (accountId === 0n) return { asset: '' };
  const { accounts } = await client.getAccounts({ ids: [accountId], options: undefined });
  return accounts[0] ?? { asset: '' };
}
