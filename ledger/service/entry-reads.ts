import type {
  GetStatementRequest,
  GetStatementResponse,
  ListEntriesRequest,
  ListEntriesResponse,
} from '../../proto/gen/meridian/v1/query.ts';
import { INT64_MAX, INT64_MIN } from '../core/limits.ts';
import { microsBefore } from '../core/timestamp.ts';
import { validateListEntries, validateStatement } from '../core/validate/validate-reads.ts';
import { invalidArgument, refuseMalformed } from '../rpc/error.ts';
import { entryPages, type PageTokens, pageOf, pageSize, statementPages } from '../rpc/page.ts';
import type { SnapshotReads } from '../store/book-store.ts';
import { mustExist } from './account-reads.ts';
import { beyond } from './beyond.ts';
import type { LongReads } from './long-reads.ts';
import { pastIsFinal, readAt, type ReadMember } from './proven-reads.ts';
import { ReadTurns } from './read-turns.ts';
import type { StateAt } from '../store/stored-records.ts';

/** Reads of the entries of the accounts of one book. */
export class EntryReads {
  readonly #member: ReadMember;
  readonly #longReads: LongReads;
  readonly #turns: ReadTurns;

  constructor(member: ReadMember, longReads: LongReads, turns = new ReadTurns()) {
    this.#member = member;
    this.#longReads = longReads;
    this.#turns = turns;
  }

  /** NOT_FOUND: there is no such account. */
  async list(request: ListEntriesRequest, signal?: AbortSignal): Promise<ListEntriesResponse> {
    refuseMalformed(validateListEntries(request));
    const { accountId: account, newestFirst } = request;
    const limit = pageSize(request.pageSize);
    const tokens = entryPages(request);
    const [last, end, notBefore] = tokens.numbers(request.pageToken, 3) ?? [];
    const { store } = this.#member;
    const page = {
      account,
      ...beyond(last, { after: 0n, through: end ?? INT64_MAX }, newestFirst),
      movingOnly: false,
      newestFirst,
      limit: limit + 1,
    };
    const read = () => this.#turns.run(() => store.readEntries(page), signal);
    const { found, position } = await readAt(this.#member, request.options, read, notBefore);
    if (found.length === 0) await mustExist(this.#member, this.#turns, account, signal);
    const { items: entries, isLast } = pageOf(found, limit);
    if (isLast) return { entries, nextPageToken: '', position };
    // The later pages show only what the first page could have shown.
    const versionThen = () => versionAt(store, account, position.seq);
    const through = end ?? (await this.#turns.run(versionThen, signal));
    const token = [entries.at(-1)?.version ?? 0n, through, notBefore ?? position.seq];
    return { entries, nextPageToken: tokens.token(token), position };
  }

  /** NOT_FOUND: there is no such account. DEADLINE_EXCEEDED: it takes too long. */
  async statement(
    request: GetStatementRequest,
    signal?: AbortSignal,
  ): Promise<GetStatementResponse> {
    refuseMalformed(validateStatement(request));
    const { accountId: account, newestFirst } = request;
    const limit = pageSize(request.pageSize);
    const tokens = statementPages(request);
    const page = statementPage(tokens, request.pageToken);
    const bound = request.to ?? request.from;
    if (page === undefined && bound !== undefined) {
      await pastIsFinal(this.#member, microsBefore(bound));
    }
    const read = () =>
      this.#longReads.run(async (reads) => {
        const period = await periodOf(reads, request, page);
        const opens = period.opening.state;
        const closes = period.closing.state;
        const range = { after: opens.version, through: closes.version };
        const { found: moves } = await reads.readEntries({
          account,
          ...beyond(page?.last, range, newestFirst),
          movingOnly: true,
          newestFirst,
          limit: limit + 1,
        });
        return { opening: opens, closing: closes, moves };
      }, signal);
    const { found, position } = await readAt(this.#member, request.options, read, page?.notBefore);
    const { opening, closing, moves } = found;
    if (closing.version === 0n) await mustExist(this.#member, this.#turns, account, signal);
    const { items: entries, isLast } = pageOf(moves, limit);
    const last = entries.at(-1)?.version ?? 0n;
    const token = [opening.version, closing.version, last, position.seq];
    return {
      opening,
      closing,
      debits: closing.debits - opening.debits,
      credits: closing.credits - opening.credits,
      entries,
      nextPageToken: isLast ? '' : tokens.token(token),
      position,
    };
  }
}

/** The version that an account had at a place in the journal of its book. */
async function versionAt(reads: SnapshotReads, account: bigint, seq: bigint): Promise<bigint> {
  const [at] = await reads.readStates(account, 'seq', [seq]);
  return at?.state.version ?? 0n;
}

/** A page after the first. */
interface StatementPage {
  /** The versions of its period. */
  readonly opening: bigint;
  readonly closing: bigint;
  /** The version that was returned last. */
  readonly last: bigint;
  /** Position of the book for the page before: in an older copy the period would be shorter. */
  readonly notBefore: bigint;
}

function statementPage(tokens: PageTokens, token: string): StatementPage | undefined {
  const numbers = tokens.numbers(token, 4);
  if (numbers === undefined) return undefined;
  const [opening = 0n, closing = 0n, last = 0n, notBefore = 0n] = numbers;
  if (opening < last && last <= closing) return { opening, closing, last, notBefore };
  const description = 'is not a token of this statement';
  throw invalidArgument([{ field: 'page_token', description }]);
}

/**
 * The totals before and after a period. A page after the first has its versions in its token:
 * what was posted since the first page lies outside of them.
 */
async function periodOf(
  reads: SnapshotReads,
  { accountId, from, to }: GetStatementRequest,
  page: StatementPage | undefined,
): Promise<{ opening: StateAt; closing: StateAt }> {
  const [opening, closing] =
    page === undefined
      ? await reads.readStates(accountId, 'micros', [
          from === undefined ? INT64_MIN : microsBefore(from),
          to === undefined ? INT64_MAX : microsBefore(to),
        ])
      : await reads.readStates(accountId, 'version', [page.opening, page.closing]);
  if (opening === undefined || closing === undefined) throw new Error('every bound has a state');
  return { opening, closing };
}
