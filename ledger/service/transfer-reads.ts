import type {
  ListTransfersRequest,
  ListTransfersResponse,
} from '../../proto/gen/meridian/v1/query.ts';
import type {
  GetTransferRequest,
  GetTransferResponse,
  GetTransfersRequest,
  GetTransfersResponse,
} from '../../proto/gen/meridian/v1/transfer.ts';
import { earlierIdOf, transferIdOf } from '../core/transfer-id.ts';
import { validateSearch } from '../core/validate-filter.ts';
import {
  validateGetTransfers,
  validateReadOptions,
  validateGetTransfer,
} from '../core/validate-reads.ts';
import { invalidArgument, refuseMalformed } from '../rpc/error.ts';
import { pageOf, pageSize, transferPages } from '../rpc/page.ts';
import { readAccounts } from '../store/read-accounts.ts';
import { readTransfers, TooManyLegs } from '../store/read-transfers.ts';
import { searchTransfers } from '../store/search-transfers.ts';
import { filterTimes } from '../store/transfer-filter.ts';
import { accountNotFound } from './account-reads.ts';
import { beyond } from './beyond.ts';
import type { LongReads } from './long-reads.ts';
import { pastIsFinal, positionFor, type ReadMember } from './read-position.ts';

/** Legs of groups in one answer, whose message has its limit. */
const LEGS_MAX = 20_000;

/** Reads of the transfers of one book. */
export class TransferReads {
  readonly #member: ReadMember;
  readonly #longReads: LongReads;

  constructor(member: ReadMember, longReads: LongReads) {
    this.#member = member;
    this.#longReads = longReads;
  }

  async get(request: GetTransferRequest): Promise<GetTransferResponse> {
    refuseMalformed([...validateGetTransfer(request), ...validateReadOptions(request.options)]);
    const positions = [await positionFor(this.#member, request.options)];
    const [response] = await this.#lookUp([request]);
    return { found: false, transfer: undefined, ...response, positions };
  }

  /** INVALID_ARGUMENT, besides what is malformed: the answer would be too long. */
  async getMany(request: GetTransfersRequest): Promise<GetTransfersResponse> {
    refuseMalformed(validateGetTransfers(request));
    const positions = [await positionFor(this.#member, request.options)];
    try {
      return { transfers: await this.#lookUp(request.transfers), positions };
    } catch (error) {
      if (!(error instanceof TooManyLegs)) throw error;
      const description = `name groups with more than ${LEGS_MAX} legs together: ask for fewer`;
      throw invalidArgument([{ field: 'transfers', description }]);
    }
  }

  async #lookUp(requests: readonly GetTransferRequest[]): Promise<GetTransferResponse[]> {
    const { sql, config } = this.#member;
    const asked = requests.map(idsAsked);
    const stored = await readTransfers(sql, config.book.number, [...new Set(asked.flat())], {
      legsMax: LEGS_MAX,
      wants: () => true,
    });
    const ids = asked.map((each) => each.find((id) => stored.has(id)) ?? '');
    // One that is asked for several times is answered as often.
    const legs = ids.reduce((sum, id) => sum + (stored.get(id)?.legs?.length ?? 0), 0);
    if (legs > LEGS_MAX) throw new TooManyLegs(`there are more than ${LEGS_MAX} legs`);
    return ids.map((id) => {
      const transfer = stored.get(id)?.transfer;
      return { found: transfer !== undefined, transfer, positions: [] };
    });
  }

  /** NOT_FOUND: there is no such account. DEADLINE_EXCEEDED: it takes too long. */
  async list(request: ListTransfersRequest): Promise<ListTransfersResponse> {
    const { sql, config } = this.#member;
    const { book } = config;
    refuseMalformed(validateSearch(request, book.number));
    const { scope, filter, newestFirst } = request;
    const limit = pageSize(request.pageSize);
    const tokens = transferPages(request);
    const [last, end] = tokens.numbers(request.pageToken, 2) ?? [];
    const [newest] = filterTimes(filter).toSorted((a, b) => (a < b ? 1 : -1));
    // Before the position is taken: what the first page ends with is what all pages end with.
    if (newest !== undefined && end === undefined) await pastIsFinal(this.#member, newest);
    const position = await positionFor(this.#member, request.options, end);
    const through = end ?? position.seq;
    const account = scope?.$case === 'accountId' ? scope.value : null;
    const within = beyond(last, { after: 0n, through }, newestFirst);
    const read = await this.#longReads.run((reading) =>
      searchTransfers(reading, book.number, {
        account,
        filter,
        within,
        newestFirst,
        limit: limit + 1,
      }),
    );
    const { items: transfers, isLast } = pageOf(read, limit);
    if (transfers.length === 0 && account !== null) {
      const found = await readAccounts(sql, book, [account]);
      if (!found.has(account)) throw accountNotFound(account);
    }
    const token = [transfers.at(-1)?.position?.seq ?? 0n, through];
    return { transfers, nextPageToken: isLast ? '' : tokens.token(token), position };
  }
}

/** Ids that the transfer may have which a request, which has been validated, asks for. */
function idsAsked({ by, namespace }: GetTransferRequest): string[] {
  if (by?.$case !== 'idempotencyKey') return [by?.value ?? ''];
  const earlier = earlierIdOf(namespace, by.value);
  const id = transferIdOf(namespace, by.value);
  // A key that an earlier release has decided keeps its outcome, and so is found first.
  return earlier === undefined ? [id] : [earlier, id];
}
