import type {
  ChangeAccountRequest,
  ChangeAccountResponse,
  OpenAccountsRequest,
  OpenAccountsResponse,
} from '../../proto/gen/meridian/v1/account.ts';
import type {
  RegisterAssetRequest,
  RegisterAssetResponse,
} from '../../proto/gen/meridian/v1/asset.ts';
import { bookOf } from '../core/account-id.ts';
import type { AssetOutcome } from '../core/post/command.ts';
import { validateDryRun } from '../core/validate/validate-dry-run.ts';
import { validateAll } from '../core/validate/validate.ts';
import {
  validateAsset,
  validateChange,
  validateOpening,
} from '../core/validate/validate-account.ts';
import type { ChangeAnswer, OpenAnswer } from '../leader/answers.ts';
import type { BookMember } from '../member/book-member.ts';
import { ASSETS_MAX } from '../core/limits.ts';
import { full, refuseMalformed } from '../rpc/error.ts';
import { leaderOf, outcomeOf, submitAs } from './asking.ts';
import { assetOf } from './list-assets.ts';

/** Opens accounts, or returns what opening them would come to. */
export async function openAccounts(
  member: BookMember,
  { accounts }: OpenAccountsRequest,
): Promise<OpenAccountsResponse> {
  refuseMalformed([
    ...validateAll(accounts, 'accounts', validateOpening),
    ...validateDryRun(accounts, 'accounts'),
  ]);
  const leader = leaderOf(member);
  const dryRun = accounts[0]?.dryRun === true;
  const results = await outcomeOf<OpenAnswer[]>((callbacks) =>
    submitAs(leader, dryRun, { kind: 'open', requests: accounts, ...callbacks }),
  );
  return { accounts: results.map((result) => ({ ...result, dryRun })) };
}

/** Changes an account of this book, or answers what that would come to. */
export async function changeAccount(
  member: BookMember,
  request: ChangeAccountRequest,
): Promise<ChangeAccountResponse> {
  const violations = validateChange(request);
  if (violations.length === 0 && bookOf(request.accountId) !== member.config.book.number) {
    violations.push({ field: 'account_id', description: 'is not an account of this book' });
  }
  refuseMalformed(violations);
  const { dryRun } = request;
  const leader = leaderOf(member);
  const result = await outcomeOf<ChangeAnswer>((callbacks) =>
    submitAs(leader, dryRun, { kind: 'change', request, ...callbacks }),
  );
  return { ...result, dryRun };
}

/**
 * Registers an asset in this book, or answers what that would come to. RESOURCE_EXHAUSTED: there are
 * too many.
 */
export async function registerAsset(
  member: BookMember,
  request: RegisterAssetRequest,
): Promise<RegisterAssetResponse> {
  refuseMalformed(validateAsset(request));
  const leader = leaderOf(member);
  if (!leader.memory.mayRegister(request.asset)) {
    throw full('ASSETS_FULL', `${ASSETS_MAX} assets are registered, and there is room for no more`);
  }
  const { scale, registered, seq } = await outcomeOf<AssetOutcome>((callbacks) =>
    submitAs(leader, request.dryRun, { kind: 'asset', request, ...callbacks }),
  );
  const { asset, dryRun } = request;
  const same = scale === request.scale;
  const { number } = member.config.book;
  return {
    asset: same ? assetOf([asset, scale]) : undefined,
    replayed: same && !registered,
    differingField: same ? '' : 'scale',
    positions: [{ book: number, epoch: BigInt(leader.memory.epoch), seq: BigInt(seq) }],
    dryRun,
  };
}
