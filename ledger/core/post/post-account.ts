import { type ChangeAccountRequest, Freeze } from '../../../proto/gen/meridian/v1/account.ts';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import { type Account, AccountFlag, type AccountSettings } from '../account.ts';
import { assert } from '../assert.ts';
import { namedAsset } from '../asset.ts';
import { type Batch, EMPTY_ROW, entriesOf } from './batch.ts';
import type * as command from './command.ts';
import type { CommandKind } from './command-kind.ts';
import { NO_DETAILS, RowKind } from '../journal-row.ts';
import { longerOf, ownerOf, type RegionBooks } from '../placement.ts';
import { changeOptions } from '../validate/options.ts';
import { availableOf, expectedOf } from './refusal.ts';
import { openedAs } from '../validate/same-request.ts';
import { derivedId, storedKey } from '../transfer-id.ts';

/** Opens an account, or refuses without a row: an asset may be registered meanwhile. */
function postOpening(
  batch: Batch,
  { request, regionBooks }: command.OpenCommand,
): command.OpenOutcome | command.NotOwnedOutcome {
  // An account that is being opened exists as soon as that is committed: the journal refuses this
  // batch then, and gives the answer. To call the name another book's would open it twice.
  const why = batch.isBeingOpened(request.externalId)
    ? undefined
    : whyNotOwned(batch, request.externalId, regionBooks);
  if (why !== undefined) return { kind: 'notOwned', why };
  const { code, scale } = namedAsset(request.asset);
  const known = batch.scaleOf(code);
  const reason =
    known === undefined
      ? Reason.ASSET_NOT_REGISTERED
      : scale !== undefined && scale !== known
        ? Reason.SCALE_MISMATCH
        : Reason.UNSPECIFIED;
  if (reason !== Reason.UNSPECIFIED) {
    return { kind: 'open', account: null, scale: known, reason, seq: batch.seq };
  }
  const { externalId } = request;
  const { account, seq } = batch.open({ externalId, ...openedAs(request), transit: false });
  return { kind: 'open', account, scale: known, reason, seq };
}

/**
 * Why this book does not open an account of this external id; undefined: it owns the name. What the
 * router knows of the region is kept, if that is more than before: this book must never again open
 * a name that it has sent the router away with.
 */
function whyNotOwned(
  batch: Batch,
  externalId: string,
  sent: RegionBooks,
): command.NotOwnedOutcome['why'] | undefined {
  const { book, regionBooks: known } = batch;
  const longer = longerOf(known, sent);
  if (longer === undefined) return 'contradiction';
  if (sent.length > known.length) batch.newRegionBooks = longer;
  const owned = longer.length === 0 || ownerOf(externalId, longer) === book;
  // A router that knows of no other book has asked none of those that owned the name before.
  const first = sent.length > 0 || (longer[0] ?? book) === book;
  return owned && first ? undefined : 'elsewhere';
}

/** Changes an account. */
function postChange(batch: Batch, { id, request }: command.ChangeCommand): command.ChangeOutcome {
  const account = batch.account(request.accountId);
  const after = account === undefined || account.transit ? null : settingsAfter(account, request);
  const reason = changeRefusal(account, request, after);
  const { change, by, why, idempotencyKey, namespace, accountId } = request;
  const applied = reason === Reason.UNSPECIFIED && account !== undefined && after !== null;
  if (applied) {
    account.flags = after.flags;
    account.minBalance = after.minBalance;
    account.maxBalance = after.maxBalance;
    account.version += 1;
  }
  const seq = batch.row({
    ...EMPTY_ROW,
    id,
    kind: RowKind.change,
    reason,
    creditAccount: accountId,
    entries: applied ? entriesOf(null, account) : null,
    namespace,
    key: storedKey(id, idempotencyKey),
    reference: why,
    metadata: change?.$case === 'metadata' ? change.value.metadata : {},
    details: {
      ...NO_DETAILS,
      options: changeOptions(request),
      by,
      settings: applied ? after : null,
    },
  });
  return { kind: 'change', reason, seq };
}

/** The settings that a change leads to. */
function settingsAfter(account: Account, { change }: ChangeAccountRequest): AccountSettings {
  const { minBalance, maxBalance, flags } = account;
  const closed = flags & AccountFlag.closed;
  switch (change?.$case) {
    case 'freeze':
      return { minBalance, maxBalance, flags: closed | frozenFlags(change.value) };
    case 'close':
      return { minBalance, maxBalance, flags: flags | AccountFlag.closed };
    case 'reopen':
      return { minBalance, maxBalance, flags: flags & ~AccountFlag.closed };
    case 'limits':
      return {
        minBalance: change.value.minBalance ?? null,
        maxBalance: change.value.maxBalance ?? null,
        flags,
      };
    case 'metadata':
    case undefined:
      return { minBalance, maxBalance, flags };
  }
}

/** Freeze as flags. */
function frozenFlags(freeze: Freeze): number {
  switch (freeze) {
    case Freeze.IN:
      return AccountFlag.frozenIn;
    case Freeze.OUT:
      return AccountFlag.frozenOut;
    case Freeze.BOTH:
      return AccountFlag.frozenIn | AccountFlag.frozenOut;
    case Freeze.NONE:
    case Freeze.UNSPECIFIED:
    case Freeze.UNRECOGNIZED:
      return 0;
  }
}

/** Why an account is not changed, in the order of `Reason`. */
function changeRefusal(
  account: Account | undefined,
  { change, expectedVersion }: ChangeAccountRequest,
  after: AccountSettings | null,
): Reason {
  if (account === undefined || after === null) return Reason.ACCOUNT_NOT_FOUND;
  const closed = (account.flags & AccountFlag.closed) !== 0;
  if (closed && change?.$case !== 'reopen') return Reason.ACCOUNT_CLOSED;
  if (!closed && change?.$case === 'reopen') return Reason.ACCOUNT_NOT_CLOSED;
  if (expectedVersion !== undefined && expectedVersion !== BigInt(account.version)) {
    return Reason.VERSION_MISMATCH;
  }
  if (change?.$case === 'close') {
    if (account.credits !== account.debits) return Reason.BALANCE_NOT_ZERO;
    const held = account.heldDebits + account.heldCredits;
    if (held !== 0n) return Reason.ACCOUNT_HAS_HOLDS;
  }
  if (change?.$case === 'limits') {
    const { minBalance, maxBalance } = after;
    const tooLow = minBalance !== null && availableOf(account) < minBalance;
    const tooHigh = maxBalance !== null && expectedOf(account) > maxBalance;
    if (tooLow || tooHigh) return Reason.BALANCE_OUTSIDE_LIMITS;
  }
  return Reason.UNSPECIFIED;
}

/** Registers an asset, unless it is known already. */
function postAsset(batch: Batch, { request }: command.AssetCommand): command.AssetOutcome {
  const { asset, scale, by, why } = request;
  const known = batch.scaleOf(asset);
  if (known !== undefined) {
    return { kind: 'asset', scale: known, registered: false, seq: batch.seq };
  }
  const seq = batch.row({
    ...EMPTY_ROW,
    id: derivedId('asset', asset),
    kind: RowKind.asset,
    asset,
    reference: why,
    details: { ...NO_DETAILS, options: JSON.stringify({ scale }), by },
  });
  batch.registered.push({ asset, scale, seq });
  assert(batch.scaleOf(asset) === scale, 'a registered asset has its scale');
  return { kind: 'asset', scale, registered: true, seq };
}

const oneRow = () => 1;
const noNeeds = () => undefined;

export const open: CommandKind<'open'> = { rows: oneRow, addNeeds: noNeeds, post: postOpening };

export const change: CommandKind<'change'> = {
  rows: oneRow,
  addNeeds: ({ accounts }, { request }) => void accounts.push(request.accountId),
  post: postChange,
};

export const asset: CommandKind<'asset'> = { rows: oneRow, addNeeds: noNeeds, post: postAsset };
