import type {
  ChangeAccountRequest,
  OpenAccountRequest,
} from '../../../proto/gen/meridian/v1/account.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import type { RegionName } from '../../../regions/topology/layout.ts';
import type * as asked from '../../judge/history/operation.ts';
import type { CallResult } from './call-result.ts';

/**
 * A client that asks one thing after another and has everything recorded: each call is one
 * attempt through one router, never repeated behind the back of the history.
 */
export interface Caller {
  /** The region whose router it asks. */
  readonly via: RegionName;
  /** The same client, from now on through another region's router. */
  at(via: RegionName): Caller;
  /** `deadlineMs`: gives up after it; the run's own when left out. */
  transfer(
    request: Partial<CreateTransferRequest>,
    deadlineMs?: number,
  ): Promise<CallResult<asked.TransferAnswer>>;
  change(request: Partial<ChangeAccountRequest>): Promise<CallResult<asked.ChangeAnswer>>;
  open(request: Partial<OpenAccountRequest>): Promise<CallResult<asked.OpenAnswer>>;
  /** Of `accounts`, each in its book; of level `auditor`: all accounts of the books, by their views. */
  balances(asked: asked.BalancesAsked): Promise<CallResult<readonly asked.BookRead[]>>;
  statement(asked: asked.StatementAsked): Promise<CallResult<asked.StatementRead>>;
  page(asked: asked.PageAsked, most: number): Promise<CallResult<asked.PageRead>>;
  lookUp(asked: asked.LookUpAsked): Promise<CallResult<asked.LookUpRead>>;
}
