import type { Deadline } from '@grpc/grpc-js';
import { must } from '../ledger/core/assert.ts';
import { validateDryRun } from '../ledger/core/validate/validate-dry-run.ts';
import { type FieldViolation, validateAll } from '../ledger/core/validate/validate.ts';
import { validateOpening } from '../ledger/core/validate/validate-account.ts';
import { refuseMalformed, topologyOutdated } from '../ledger/rpc/error.ts';
import type { PlaceAccountsReply } from '../proto/gen/meridian/internal/v1/book.ts';
import type {
  OpenAccountRequest,
  OpenAccountResponse,
  OpenAccountsResponse,
} from '../proto/gen/meridian/v1/account.ts';
import type { Book } from '../ledger/core/book.ts';
import type { Books } from './books/books.ts';
import { askByBook } from './books/by-book.ts';
import { orEarlier } from './books/earlier-release.ts';
import type { Forward } from './books/forward.ts';
import type { ClientCall } from './books/client-call.ts';

/** Openings of accounts. */
export class Accounts {
  readonly #books: Books;
  readonly #forward: Pick<Forward, 'call' | 'rehearse'>;

  constructor(books: Books, forward: Pick<Forward, 'call' | 'rehearse'>) {
    this.#books = books;
    this.#forward = forward;
  }

  /** One account; failures as for many. */
  async openOne(request: OpenAccountRequest, deadline: Deadline): Promise<OpenAccountResponse> {
    refuseMalformed(this.#validate(request));
    const [response] = await this.#openValid([request], deadline);
    return must(response, 'a call with one account has one response');
  }

  /** One response for each request, in the same order. INVALID_ARGUMENT: none was opened. */
  async open(
    requests: readonly OpenAccountRequest[],
    deadline: Deadline,
  ): Promise<OpenAccountResponse[]> {
    refuseMalformed([
      ...validateAll(requests, 'accounts', (request) => this.#validate(request)),
      ...validateDryRun(requests, 'accounts'),
    ]);
    return this.#openValid(requests, deadline);
  }

  #validate(request: OpenAccountRequest): FieldViolation[] {
    const violations = validateOpening(request);
    const unknown = this.#books.unknownRegion(request.homeRegion);
    return unknown === undefined
      ? violations
      : [...violations, { field: 'home_region', description: unknown }];
  }

  /**
   * Each account is opened by the owner of its name, but only once each earlier owner has answered
   * that it neither has the account nor will ever open it: two routers, of which one does not know
   * a new book yet, cannot open it twice.
   *
   * UNAVAILABLE with TOPOLOGY_OUTDATED: the owner is a book that this router does not know.
   */
  async #openValid(
    requests: readonly OpenAccountRequest[],
    deadline: Deadline,
  ): Promise<OpenAccountResponse[]> {
    const responses: OpenAccountResponse[] = [];
    let left = requests.map((request, index): Opening => {
      const { homeRegion, externalId } = request;
      const candidates = this.#books.candidates(homeRegion, externalId, 'home_region');
      return { index, request, candidates };
    });
    for (let turn = 0; left.length > 0; turn += 1) {
      const answers = await askByBook(
        left,
        (opening) => candidateOf(opening, turn),
        (book, openings) => this.#place(book, openings, deadline),
      );
      left = left.filter((opening, place) => {
        const answer = answers[place];
        if (answer === undefined || answer === NOT_OWNED) return true;
        responses[opening.index] = answer;
        return false;
      });
    }
    return responses;
  }

  /** Asks one book. */
  async #place(
    book: Book,
    openings: readonly Opening[],
    deadline: Deadline,
  ): Promise<(OpenAccountResponse | typeof NOT_OWNED)[]> {
    const accounts = openings.map(({ request }) => request);
    const regionBooks = [...this.#books.regionBooks(book.region)];
    const place: ClientCall<PlaceAccountsReply> = (client, ...rest) =>
      client.placeAccounts({ accounts, regionBooks }, ...rest);
    const open: ClientCall<OpenAccountsResponse> = (client, ...rest) =>
      client.openAccounts({ accounts }, ...rest);
    // A server of an earlier release opens whatever it is asked: only where no other book may own it.
    const call =
      regionBooks.length > 1 ? place : orEarlier(place, open, (all) => ({ ...all, notOwned: [] }));
    let resent = false;
    const reply =
      accounts[0]?.dryRun === true
        ? await this.#forward.rehearse(book, deadline, call)
        : await this.#forward.call(book, deadline, call, { onUnclear: () => (resent = true) });
    const notOwned = new Set(reply.notOwned);
    return openings.map((_, index) => {
      if (notOwned.has(index)) return NOT_OWNED;
      const response = must(reply.accounts[index], `${book.name} answers every request`);
      return resent ? { ...response, resent } : response;
    });
  }
}

/** The answer of a book that neither has nor owns an account. */
const NOT_OWNED = 'not owned';

/** An account to open, and the books that it may be in, in the order in which they are asked. */
interface Opening {
  /** Index in the requests. */
  readonly index: number;
  readonly request: OpenAccountRequest;
  readonly candidates: readonly Book[];
}

function candidateOf({ candidates, request }: Opening, turn: number): Book {
  const book = candidates[turn];
  if (book !== undefined) return book;
  const { externalId, homeRegion } = request;
  const why = `${homeRegion} homes a book that this router does not know until it is restarted`;
  throw topologyOutdated(`"${externalId}" was not opened, as ${why} with its new configuration`);
}
