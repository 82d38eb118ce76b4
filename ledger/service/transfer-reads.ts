import type { Position, ReadOptions } from '../../proto/gen/meridian/v1/position.ts';
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
import { INT64_MAX, REPLY_BYTES_MAX } from '../core/limits.ts';
import { earlierIdOf, transferIdOf } from '../core/transfer-id.ts';
import { validateSearch } from '../core/validate/validate-filter.ts';
import {
  validateGetTransfers,
  validateReadOptions,
  validateGetTransfer,
} from '../core/validate/validate-reads.ts';
import { invalidArgument, refuseMalformed } from '../rpc/error.ts';
import { pageOf, pageSize, transferPages } from '../rpc/page.ts';
import { mustExist } from './account-reads.ts';
import { beyond } from './beyond.ts';
import { transferBytes } from './reply-bytes.ts';
import type { LongReads } from './long-reads.ts';
import { pastIsFinal, readAt, type ReadMember } from './proven-reads.ts';
import { ReadTurns } from './read-turns.ts';
import { TooManyBytes, TooManyLegs } from '../store/asked-pages.ts';
import { filterTimes } from '../store/filter-times.ts';

/** Legs of groups in one answer, whose message has its limit. */
const LEGS_MAX = 20_000;

/** Reads of the transfers of one book. */
export class TransferReads {
  readonly #member: ReadMember;
  readonly #longReads: LongReads;
  readonly #turns: ReadTurns;

  constructor(member: ReadMember, longReads: LongReads, turns = new ReadTurns()) {
    this.#member = member;
    this.#longReads = longReads;
    this.#turns = turns;
  }

  async get(request: GetTransferRequest, signal?: AbortSignal): Promise<GetTransferResponse> {
    refuseMalformed([...validateGetTransfer(request), ...validateReadOptions(request.options)]);
    const { found, position } = await this.#lookUp([request], request.options, signal);
    return { found: false, transfer: undefined, ...found[0], positions: [position] };
  }

  /** INVALID_ARGUMENT, also for a well-formed request: the answer would be too long. */
  async getMany(request: GetTransfersRequest, signal?: AbortSignal): Promise<GetTransfersResponse> {
    refuseMalformed(validateGetTransfers(request));
    try {
      const { found, position } = await this.#lookUp(request.transfers, request.options, signal);
      return { transfers: found, positions: [position] };
    } catch (error) {
      if (!(error instanceof TooManyLegs) && !(error instanceof TooManyBytes)) throw error;
      const what =
        error instanceof TooManyLegs
          ? `groups with more than ${LEGS_MAX} legs together`
          : `transfers with more than ${REPLY_BYTES_MAX} bytes of metadata together`;
      const description = `name ${what}: ask for fewer`;
      throw invalidArgument([{ field: 'transfers', description }]);
    }
  }

  async #lookUp(
    requests: readonly GetTransferRequest[],
    options: ReadOptions | undefined,
    signal: AbortSignal | undefined,
  ): Promise<{ found: GetTransferResponse[]; position: Position }> {
    const { store } = this.#member;
    const asked = requests.map(idsAsked);
    const wanted = { legsMax: LEGS_MAX, bytesMax: REPLY_BYTES_MAX, wants: () => true };
    const askedIds = [...new Set(asked.flat())];
    const read = () => this.#turns.run(() => store.readTransfersSeen(askedIds, wanted), signal);
    const { found: stored, position } = await readAt(this.#member, options, read);
    const ids = asked.map((each) => each.find((id) => stored.has(id)) ?? '');
    // One that is asked for several times is answered as often.
    const legs = ids.reduce((sum, id) => sum + (stored.get(id)?.legs?.length ?? 0), 0);
    if (legs > LEGS_MAX) throw new TooManyLegs(`there are more than ${LEGS_MAX} legs`);
    const sizes = new Map([...stored].map(([id, { transfer }]) => [id, transferBytes(transfer)]));
    const bytes = ids.reduce((sum, id) => sum + (sizes.get(id) ?? 0), 0);
    if (bytes > REPLY_BYTES_MAX) throw new TooManyBytes(`there are ${bytes} bytes`);
    const found = ids.map((id): GetTransferResponse => {
      const transfer = stored.get(id)?.transfer;
      return { found: transfer !== undefined, transfer, positions: [] };
    });
    return { found, position };
  }

  /** NOT_FOUND: there is no such account. DEADLINE_EXCEEDED: it takes too long. */
  async list(request: ListTransfersRequest, signal?: AbortSignal): Promise<ListTransfersResponse> {
    const { config } = this.#member;
    const { book } = config;
    const books = config.books.map(({ number }) => number);
    refuseMalformed(validateSearch(request, book.number));
    const { scope, filter, newestFirst } = request;
    const limit = pageSize(request.pageSize);
    const tokens = transferPages(request);
    const [last, end] = tokens.numbers(request.pageToken, 2) ?? [];
    const [newest] = filterTimes(filter).toSorted((a, b) => (a < b ? 1 : -1));
    // Before the first page is read: where that ends all pages end.
    if (newest !== undefined && end === undefined) await pastIsFinal(this.#member, newest);
    const account = scope?.$case === 'accountId' ? scope.value : null;
    const range = { after: 0n, through: end ?? INT64_MAX };
    const within = beyond(last, range, newestFirst);
    const search = { account, filter, books, within, newestFirst, limit: limit + 1 };
    const read = () => this.#longReads.run((reading) => reading.searchTransfers(search), signal);
    const { found, position } = await readAt(this.#member, request.options, read, end);
    const { items: transfers, isLast } = pageOf(found, limit);
    if (transfers.length === 0 && account !== null) {
      await mustExist(this.#member, this.#turns, account, signal);
    }
    const token = [transfers.at(-1)?.position?.seq ?? 0n, end ?? position.seq];
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
