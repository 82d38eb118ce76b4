import type {
  FindAccountsRequest,
  FindAccountsResponse,
  GetAccountRequest,
  GetAccountResponse,
  GetTransferRequest,
  GetTransferResponse,
  ListAccountsRequest,
  ListAccountsResponse,
  ListEntriesRequest,
  ListEntriesResponse,
  Position,
} from '../../proto/gen/meridian/v1/ledger.ts';
import { accountId, isAccountId } from '../core/account-id.ts';
import { isTransferId, transferIdOf } from '../core/transfer-id.ts';
import type { BookMember } from '../leader/book-member.ts';
import { invalidArgument, notFound, unavailable } from '../rpc/error.ts';
import { listAccounts, readAccount, readAccountsByExternalId } from '../store/read-accounts.ts';
import { readEntries } from '../store/read-entries.ts';
import { readTransfers } from '../store/read-transfers.ts';
import { nextPageToken, pageSize, pageStart } from '../rpc/page.ts';

/**
 * Reads of one book, answered by its leader from the journal. Each carries a position that the
 * answer is at least as new as.
 */
export class Reads {
  readonly #member: BookMember;

  constructor(member: BookMember) {
    this.#member = member;
  }

  /** NOT_FOUND: there is no such account. */
  async getAccount({ id }: GetAccountRequest): Promise<GetAccountResponse> {
    const position = this.#position();
    const { sql, config } = this.#member;
    const account = await readAccount(sql, config.book, id);
    if (account === undefined) throw accountNotFound(id, 'id');
    return { account, position };
  }

  async findAccounts({ externalId }: FindAccountsRequest): Promise<FindAccountsResponse> {
    const positions = [this.#position()];
    const { sql, config } = this.#member;
    const accounts = await readAccountsByExternalId(sql, config.book, [externalId]);
    return { accounts, positions };
  }

  async listAccounts(request: ListAccountsRequest): Promise<ListAccountsResponse> {
    const position = this.#position();
    const { sql, config } = this.#member;
    const size = pageSize(request.pageSize);
    const after = pageStart(request.pageToken) ?? accountId(config.book.number, 1) - 1n;
    const accounts = await listAccounts(sql, config.book, after, size);
    const nextPage = nextPageToken(accounts.at(-1)?.id, accounts.length, size);
    return { accounts, nextPageToken: nextPage, position };
  }

  async getTransfer(request: GetTransferRequest): Promise<GetTransferResponse> {
    const positions = [this.#position()];
    const { sql, config } = this.#member;
    const id = transferIdAsked(request);
    const stored = await readTransfers(sql, config.book.number, [id]);
    const transfer = stored.get(id)?.transfer;
    return { found: transfer !== undefined, transfer, positions };
  }

  /** NOT_FOUND: there is no such account. */
  async listEntries(request: ListEntriesRequest): Promise<ListEntriesResponse> {
    const position = this.#position();
    const { sql, config } = this.#member;
    const limit = pageSize(request.pageSize);
    const start = pageStart(request.pageToken);
    const entries = await readEntries(sql, config.book.number, {
      account: request.accountId,
      beyond: start === undefined ? null : Number(start),
      newestFirst: request.newestFirst,
      limit,
    });
    if (entries.length === 0 && start === undefined) {
      const account = await readAccount(sql, config.book, request.accountId);
      if (account === undefined) throw accountNotFound(request.accountId, 'account_id');
    }
    const nextPage = nextPageToken(entries.at(-1)?.version, entries.length, limit);
    return { entries, nextPageToken: nextPage, position };
  }

  #position(): Position {
    const { leader, config } = this.#member;
    if (leader === undefined) {
      throw unavailable('NOT_LEADER', `this server does not lead ${config.book.name}`, 100);
    }
    const { epoch, seq } = leader.memory;
    return { book: config.book.number, epoch: BigInt(epoch), seq: BigInt(seq) };
  }
}

function accountNotFound(id: bigint, field: string) {
  return isAccountId(id)
    ? notFound('ACCOUNT_NOT_FOUND', `there is no account ${id}`)
    : invalidArgument([{ field, description: `${id} is not an account id` }]);
}

/** Id of the transfer that a request asks for. Throws INVALID_ARGUMENT if it names none. */
export function transferIdAsked({ by, namespace }: GetTransferRequest): string {
  if (by?.$case === 'idempotencyKey' && by.value !== '') return transferIdOf(namespace, by.value);
  if (by?.$case === 'transferId' && isTransferId(by.value)) return by.value;
  const description = 'must be set: a key, or a transfer id in its canonical UUID form';
  const field = by?.$case === 'transferId' ? 'transfer_id' : 'idempotency_key';
  throw invalidArgument([{ field, description }]);
}
