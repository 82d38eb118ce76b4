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
import { accountId } from '../core/account-id.ts';
import { microsUpTo } from '../core/timestamp.ts';
import { validateGetAccount, validateGetAccounts } from '../core/validate-reads.ts';
import { notFound, refuseMalformed, type RpcError } from '../rpc/error.ts';
import { inOrderAsked } from '../rpc/in-order-asked.ts';
import { accountPages, pageOf, pageSize } from '../rpc/page.ts';
import { readAccountAt } from '../store/read-account-at.ts';
import { listAccounts, readAccounts, readAccountsByExternalId } from '../store/read-accounts.ts';
import { pastIsFinal, positionFor, type ReadMember } from './read-position.ts';

/** Reads of the accounts of one book. Each tells a position that it is at least as new as. */
export class AccountReads {
  readonly #member: ReadMember;

  constructor(member: ReadMember) {
    this.#member = member;
  }

  /** NOT_FOUND: there is no such account, or there was none then. */
  async get(request: GetAccountRequest): Promise<GetAccountResponse> {
    refuseMalformed(validateGetAccount(request));
    const { asOf } = request;
    const notBefore = asOf?.$case === 'asOfSeq' ? asOf.value : 0n;
    const position = await positionFor(this.#member, request.options, notBefore);
    const account = await this.#accountAsOf(request);
    if (account === undefined) throw accountNotFound(request.id, asOf !== undefined);
    return { account, position };
  }

  async #accountAsOf({ id, asOf }: GetAccountRequest): Promise<Account | undefined> {
    const { sql, config } = this.#member;
    switch (asOf?.$case) {
      case undefined:
        return (await readAccounts(sql, config.book, [id])).get(id);
      case 'asOfTime': {
        const micros = microsUpTo(asOf.value);
        await pastIsFinal(this.#member, micros);
        return readAccountAt(sql, config.book, id, 'micros', micros);
      }
      case 'asOfSeq':
        return readAccountAt(sql, config.book, id, 'seq', asOf.value);
    }
  }

  async getMany(request: GetAccountsRequest): Promise<GetAccountsResponse> {
    refuseMalformed(validateGetAccounts(request));
    const positions = [await positionFor(this.#member, request.options)];
    const { sql, config } = this.#member;
    const found = await readAccounts(sql, config.book, request.ids);
    return { ...inOrderAsked(request.ids, found), positions };
  }

  async find({ externalId }: FindAccountsRequest): Promise<FindAccountsResponse> {
    const positions = [await positionFor(this.#member, undefined)];
    const { sql, config } = this.#member;
    const accounts = await readAccountsByExternalId(sql, config.book, [externalId]);
    return { accounts, positions, silentBooks: [] };
  }

  async list(request: ListAccountsRequest): Promise<ListAccountsResponse> {
    const position = await positionFor(this.#member, undefined);
    const { sql, config } = this.#member;
    const size = pageSize(request.pageSize);
    const tokens = accountPages(request);
    const [after = accountId(config.book.number, 1) - 1n] =
      tokens.numbers(request.pageToken, 1) ?? [];
    const read = await listAccounts(sql, config.book, after, size + 1);
    const { items: accounts, isLast } = pageOf(read, size);
    const nextPage = isLast ? '' : tokens.token([accounts.at(-1)?.id ?? after]);
    return { accounts, nextPageToken: nextPage, position };
  }
}

/** There is no such account, or at the time that was asked for there was none yet. */
export function accountNotFound(id: bigint, then = false): RpcError {
  return notFound('ACCOUNT_NOT_FOUND', `there ${then ? 'was' : 'is'} no account ${id}`);
}
