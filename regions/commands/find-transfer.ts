import { isTransferId } from '../../ledger/core/transfer-id.ts';
import {
  type GetTransferResponse,
  GetTransferRequest,
  type Transfer,
} from '../../proto/gen/meridian/v1/transfer.ts';
import type { MeridianClient } from '../client.ts';
import { CommandFailure, ExitCode } from './failure.ts';
import type { Unit } from './values/amount.ts';

/** Asks every book for a transfer by its id, which is a UUID, or else by its key. */
export function askForTransfer(
  client: MeridianClient,
  name: string,
  namespace: string,
): Promise<GetTransferResponse> {
  const id = name.toLowerCase();
  const byId = namespace === '' && isTransferId(id);
  const by = byId
    ? ({ $case: 'transferId', value: id } as const)
    : ({ $case: 'idempotencyKey', value: name } as const);
  return client.getTransfer(GetTransferRequest.create({ by, namespace }));
}

/** Throws CommandFailure (refused) when no book has seen it. */
export async function findTransfer(
  client: MeridianClient,
  name: string,
  namespace: string,
): Promise<Transfer> {
  const { transfer } = await askForTransfer(client, name, namespace);
  if (transfer) return transfer;
  throw new CommandFailure(ExitCode.refused, `"${name}" was never seen`);
}

/** The same for a hold. Throws CommandFailure (refused) for another kind of transfer. */
export async function findHold(
  client: MeridianClient,
  name: string,
  namespace: string,
): Promise<Transfer> {
  const transfer = await findTransfer(client, name, namespace);
  if (transfer.action?.$case === 'hold') return transfer;
  throw new CommandFailure(ExitCode.refused, `"${name}" is not a hold`);
}

/** What the amounts of an account are counted in; an account that is not there has no unit. */
export async function unitOf(client: MeridianClient, accountId: bigint): Promise<Unit> {
  if (accountId === 0n) return { asset: '' };
  const { accounts } = await client.getAccounts({ ids: [accountId], options: undefined });
  return accounts[0] ?? { asset: '' };
}
