import type {
  ChangeAccountRequest,
  OpenAccountRequest,
} from '../../../proto/gen/meridian/v1/account.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import type { RegionName } from '../../../regions/topology/layout.ts';
import type * as asked from '../../judge/history/operation.ts';
import type { CallResult } from './call-result.ts';

/**
 * A client that makes one call after another and records all: each call is one attempt through one
 * router, never repeated without a record.
 */
export interface Caller {
  /** The region whose router it asks. */
  readonly via: RegionName;
  /** The same client, from now on through another region's router. */
  at(via: RegionName): Caller;
  /** `deadlineMs`: deadline of the call; by default that of the run. */
  transfer(
    request: Partial<CreateTransferRequest>,
    deadlineMs?: number,
  ): Promise<CallResult<asked.TransferReply>>;
  change(request: Partial<ChangeAccountRequest>): Promise<CallResult<asked.ChangeReply>>;
  open(request: Partial<OpenAccountRequest>): Promise<CallResult<asked.OpenReply>>;
  /** Reads `accounts`, each in its book; at level `auditor`, all accounts of the books. */
  balances(asked: asked.BalancesAsked): Promise<CallResult<readonly asked.BookRead[]>>;
  statement(asked: asked.StatementAsked): Promise<CallResult<asked.StatementRead>>;
  page(asked: asked.PageAsked, most: number): Promise<CallResult<asked.PageRead>>;
  lookUp(asked: asked.LookUpAsked): Promise<CallResult<asked.LookUpRead>>;
}
