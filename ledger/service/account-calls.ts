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
import type {
  PlaceAccountsReply,
  PlaceAccountsRequest,
} from '../../proto/gen/meridian/internal/v1/book.ts';
import { bookOf } from '../core/account-id.ts';
import { must } from '../core/assert.ts';
import { malformedRegionBooks } from '../core/placement.ts';
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
import type { NotOwnedItem } from '../leader/work.ts';
import { full, refuseMalformed, topologyConflict, topologyOutdated } from '../rpc/error.ts';
import { leaderOf, outcomeOf, submitAs } from './asking.ts';
import { assetOf } from './list-assets.ts';

/** Opens the accounts that this book owns, or returns what opening them would come to. */
export async function placeAccounts(
  member: BookMember,
  request: PlaceAccountsRequest,
): Promise<PlaceAccountsReply> {
  const { number, region } = member.config.book;
  const wrong = malformedRegionBooks(request.regionBooks, number);
  const elsewhere = request.accounts.findIndex(({ homeRegion }) => homeRegion !== region);
  refuseMalformed([
    ...(wrong === undefined ? [] : [{ field: 'region_books', description: wrong }]),
    ...(elsewhere === -1
      ? []
      : [{ field: `accounts[${elsewhere}].home_region`, description: `must be ${region}` }]),
  ]);
  // A list binds the book permanently, and ledger servers learn of a new book before routers do.
  const known = new Set(member.config.books.map((book) => book.number));
  const unknown = request.regionBooks.filter((book) => !known.has(book));
  if (unknown.length > 0) {
    const why = `the router's configuration has book ${unknown.join(', ')}, and this server's has not`;
    throw topologyOutdated(`${member.config.book.name} opened no account: ${why}`);
  }
  return place(member, request);
}

/** The same for a router of an earlier release, which knows of no other book in the region. */
export async function openAccounts(
  member: BookMember,
  { accounts }: OpenAccountsRequest,
): Promise<OpenAccountsResponse> {
  const reply = await place(member, { accounts, regionBooks: [] });
  const [first] = reply.notOwned;
  if (first === undefined) return { accounts: reply.accounts };
  const { region } = member.config.book;
  const { externalId } = must(accounts[first], 'what is not owned was asked');
  const why = 'and routers of this release ask the one that owns a name';
  throw topologyOutdated(`${region} homes several books, ${why}: "${externalId}" was not opened`);
}

async function place(
  member: BookMember,
  { accounts, regionBooks }: PlaceAccountsRequest,
): Promise<PlaceAccountsReply> {
  refuseMalformed([
    ...validateAll(accounts, 'accounts', validateOpening),
    ...validateDryRun(accounts, 'accounts'),
  ]);
  const leader = leaderOf(member);
  const dryRun = accounts[0]?.dryRun === true;
  const { results, notOwned } = await outcomeOf<Placed>(({ onOutcome, onFailure }) =>
    submitAs(leader, dryRun, {
      kind: 'open',
      requests: accounts,
      regionBooks,
      onOutcome: (...[all, others]) => onOutcome({ results: all, notOwned: others }),
      onFailure,
    }),
  );
  if (notOwned.some(({ why }) => why === 'contradiction')) {
    const { name } = member.config.book;
    const known = leader.memory.regionBooks.join(', ');
    const sent = regionBooks.join(', ');
    const what = `its region homes the books ${known}, and the router's configuration has ${sent}`;
    throw topologyConflict(`${name} opens no account for this router: ${what}`);
  }
  return {
    accounts: results.map((result) => ({ ...result, dryRun })),
    notOwned: notOwned.map(({ index }) => index),
  };
}

interface Placed {
  readonly results: readonly OpenAnswer[];
  readonly notOwned: readonly NotOwnedItem[];
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
