import type {
  Account,
  FindAccountsRequest,
  FindAccountsResponse,
  GetAccountRequest,
  GetAccountResponse,
  GetAccountsRequest,
  GetAccountsResponse,
  ListAccountsRequest,
  ListAccountsResponse,
} from '../../proto/gen/meridian/v1/account.ts';
import type {
  LocateAccountReply,
  LocateAccountRequest,
} from '../../proto/gen/meridian/internal/v1/book.ts';
import { accountId } from '../core/account-id.ts';
import { REPLY_BYTES_MAX } from '../core/limits.ts';
import { malformedRegionBooks, ownerOf } from '../core/placement.ts';
import { microsUpTo } from '../core/timestamp.ts';
import { validateExternalId } from '../core/validate/validate-account.ts';
import { validateGetAccount, validateGetAccounts } from '../core/validate/validate-reads.ts';
import { invalidArgument, notFound, refuseMalformed, type RpcError } from '../rpc/error.ts';
import { inOrderAsked } from '../rpc/in-order-asked.ts';
import { accountPages, pageOf, pageSize } from '../rpc/page.ts';
import { metadataBytes } from './reply-bytes.ts';
import { pastIsFinal, positionFor, readAt, type ReadMember } from './proven-reads.ts';
import { ReadTurns } from './read-turns.ts';
import type { Seen } from '../store/stored-records.ts';

/** Accounts that are read by one query: these few fit in memory, however large they are. */
const AT_ONCE = 1_000;

/** Reads of the accounts of one book. Each answers with the position of what it has read. */
export class AccountReads {
  readonly #member: ReadMember;
  readonly #turns: ReadTurns;

  constructor(member: ReadMember, turns = new ReadTurns()) {
    this.#member = member;
    this.#turns = turns;
  }

  /** NOT_FOUND: there is no such account, or there was none then. */
  async get(request: GetAccountRequest, signal?: AbortSignal): Promise<GetAccountResponse> {
    refuseMalformed(validateGetAccount(request));
    const { id, options, asOf } = request;
    if (asOf !== undefined) return this.#getAsOf(request, signal);
    const { store } = this.#member;
    const read = () => this.#turns.run(() => store.readAccounts([id]), signal);
    const { found, position } = await readAt(this.#member, options, read);
    const account = found.get(id);
    if (account === undefined) throw accountNotFound(id);
    return { account, position };
  }

  /** The past needs no snapshot: it lies before the position of the answer. */
  async #getAsOf(
    { id, options, asOf }: GetAccountRequest,
    signal: AbortSignal | undefined,
  ): Promise<GetAccountResponse> {
    const { store } = this.#member;
    const notBefore = asOf?.$case === 'asOfSeq' ? asOf.value : 0n;
    const micros = asOf?.$case === 'asOfTime' ? microsUpTo(asOf.value) : undefined;
    // A time that may still be decided at is made past first.
    if (micros !== undefined) await pastIsFinal(this.#member, micros);
    const position = await positionFor(this.#member, options, notBefore);
    const read = () =>
      micros === undefined
        ? store.readAccountAt(id, 'seq', notBefore, position.seq)
        : store.readAccountAt(id, 'micros', micros, position.seq);
    const account = await this.#turns.run(read, signal);
    if (account === undefined) throw accountNotFound(id, true);
    return { account, position };
  }

  /** INVALID_ARGUMENT, also for a well-formed request: the answer would be too large. */
  async getMany(request: GetAccountsRequest, signal?: AbortSignal): Promise<GetAccountsResponse> {
    refuseMalformed(validateGetAccounts(request));
    const read = () => this.#turns.run(() => this.#bounded(request.ids), signal);
    const { found, position } = await readAt(this.#member, request.options, read);
    return { ...inOrderAsked(request.ids, found), positions: [position] };
  }

  /** The accounts among `ids` in one snapshot, unless an answer with them all would be too large. */
  async #bounded(ids: readonly bigint[]): Promise<Seen<Map<bigint, Account>>> {
    const { store } = this.#member;
    if (ids.length <= AT_ONCE) {
      const seen = await store.readAccounts(ids);
      refuseLarge(ids, seen.found);
      return seen;
    }
    return store.snapshot(0, async (snapshot) => {
      const all = new Map<bigint, Account>();
      for (let at = 0, bytes = 0; at < ids.length; at += AT_ONCE) {
        const part = ids.slice(at, at + AT_ONCE);
        const { found } = await snapshot.readAccounts(part);
        bytes = refuseLarge(part, found, bytes);
        for (const [id, account] of found) all.set(id, account);
      }
      return all;
    });
  }

  /** Only the leader answers: a copy may not know yet that the name belongs to another book. */
  async locate(
    { externalId, regionBooks }: LocateAccountRequest,
    signal?: AbortSignal,
  ): Promise<LocateAccountReply> {
    const { config, leader } = this.#member;
    const wrong = malformedRegionBooks(regionBooks, config.book.number);
    const malformed = wrong === undefined ? [] : [{ field: 'region_books', description: wrong }];
    refuseMalformed([...validateExternalId(externalId), ...malformed]);
    const { found: accounts, position } = await this.#named(externalId, signal);
    const known = leader?.memory.regionBooks ?? [];
    const isKnown = known.length === 0 || regionBooks.includes(ownerOf(externalId, known));
    return { accounts, position, ownedElsewhere: !isKnown };
  }

  async find(
    { externalId }: FindAccountsRequest,
    signal?: AbortSignal,
  ): Promise<FindAccountsResponse> {
    const { found: accounts, position } = await this.#named(externalId, signal);
    return { accounts, positions: [position], silentBooks: [] };
  }

  #named(externalId: string, signal: AbortSignal | undefined) {
    const { store } = this.#member;
    const read = () => this.#turns.run(() => store.readAccountsByExternalId([externalId]), signal);
    return readAt(this.#member, undefined, read);
  }

  async list(request: ListAccountsRequest, signal?: AbortSignal): Promise<ListAccountsResponse> {
    const { store, config } = this.#member;
    const size = pageSize(request.pageSize);
    const tokens = accountPages(request);
    const [after = accountId(config.book.number, 1) - 1n] =
      tokens.numbers(request.pageToken, 1) ?? [];
    const read = () => this.#turns.run(() => store.listAccounts(after, size + 1), signal);
    const { found, position } = await readAt(this.#member, undefined, read);
    const { items: accounts, isLast } = pageOf(found, size);
    const nextPage = isLast ? '' : tokens.token([accounts.at(-1)?.id ?? after]);
    return { accounts, nextPageToken: nextPage, position };
  }
}

/** NOT_FOUND: there is no such account. Asked in a turn, as every other read. */
export async function mustExist(
  { store }: ReadMember,
  turns: ReadTurns,
  id: bigint,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (!(await turns.run(() => store.accountExists(id), signal))) throw accountNotFound(id);
}

/** There is no such account, or at the time that was asked for there was none yet. */
export function accountNotFound(id: bigint, then = false): RpcError {
  return notFound('ACCOUNT_NOT_FOUND', `there ${then ? 'was' : 'is'} no account ${id}`);
}

/**
 * Adds up the metadata of an answer, in which an account has a place each time it was asked for.
 * INVALID_ARGUMENT: there is too much of it.
 */
function refuseLarge(
  ids: readonly bigint[],
  found: ReadonlyMap<bigint, Account>,
  bytesBefore = 0,
): number {
  let bytes = bytesBefore;
  for (const id of ids) bytes += metadataBytes(found.get(id)?.metadata ?? {});
  if (bytes <= REPLY_BYTES_MAX) return bytes;
  const what = `accounts with more than ${REPLY_BYTES_MAX} bytes of metadata together`;
  throw invalidArgument([{ field: 'ids', description: `name ${what}: ask for fewer` }]);
}
