import { accountId, bookOf } from '../../../ledger/core/account-id.ts';
import { must } from '../../../ledger/core/assert.ts';
import {
  ChangeAccountRequest,
  GetAccountsRequest,
  type GetAccountsResponse,
  OpenAccountRequest,
} from '../../../proto/gen/meridian/v1/account.ts';
import { SubscribeRequest } from '../../../proto/gen/meridian/v1/event.ts';
import { ReadLevel, ReadOptions } from '../../../proto/gen/meridian/v1/position.ts';
import {
  GetStatementRequest,
  type GetStatementResponse,
} from '../../../proto/gen/meridian/v1/query.ts';
import {
  CreateTransferRequest,
  GetTransferRequest,
} from '../../../proto/gen/meridian/v1/transfer.ts';
import { CallError } from '../../../router/client/call-error.ts';
import type { RegionName } from '../../../regions/topology/layout.ts';
import * as answers from '../../judge/history/replies.ts';
import type * as asked from '../../judge/history/operation.ts';
import type { PendingCall, RecordedClient } from '../../judge/history/recorder.ts';
import { kindOf } from '../../judge/history/value.ts';
import type { Copy } from '../installation/installation.ts';
import type { AuditorViews } from './auditor-views.ts';
import type { Caller } from './caller.ts';
import type { CallResult } from './call-result.ts';
import { askRouter, type BoundCall, readPage } from './router-call.ts';
import type { Routers } from './routers.ts';

/** Parts that the callers of a run share. */
export interface CallerParts {
  readonly routers: Routers;
  readonly views: AuditorViews;
  readonly copies: readonly Copy[];
  /** Deadline of a call. */
  readonly deadlineMs: number;
}

const SILENCE_MS = 2_000;
/**
 * Small enough that long statements come in pages, which may be of several copies; large enough
 * that all of them together take no longer than one call may.
 */
const STATEMENT_PAGE = 20;

/** One client of the run. Each call is one attempt, and all are in the history. */
export class RecordedCaller implements Caller {
  readonly via: RegionName;
  readonly #parts: CallerParts;
  readonly #client: RecordedClient;

  /** @param client not shared: it makes one call at a time */
  constructor(parts: CallerParts, client: RecordedClient, via: RegionName) {
    this.#parts = parts;
    this.#client = client;
    this.via = via;
  }

  at(via: RegionName): Caller {
    return new RecordedCaller(this.#parts, this.#client, via);
  }

  transfer(
    partial: Partial<CreateTransferRequest>,
    deadlineMs?: number,
  ): Promise<CallResult<asked.TransferReply>> {
    const request = CreateTransferRequest.fromPartial(partial);
    const pending = this.#client.invoke(kindOf(request), this.via, request);
    return write(pending, async () =>
      answers.transferAnswer(
        await this.#ask((stub, ...rest) => stub.createTransfer(request, ...rest), deadlineMs),
      ),
    );
  }

  change(partial: Partial<ChangeAccountRequest>): Promise<CallResult<asked.ChangeReply>> {
    const request = ChangeAccountRequest.fromPartial(partial);
    const pending = this.#client.invoke('change', this.via, request);
    return write(pending, async () =>
      answers.changeAnswer(
        await this.#ask((stub, ...rest) => stub.changeAccount(request, ...rest)),
      ),
    );
  }

  open(partial: Partial<OpenAccountRequest>): Promise<CallResult<asked.OpenReply>> {
    const request = OpenAccountRequest.fromPartial(partial);
    const pending = this.#client.invoke('open', this.via, request);
    return write(pending, async () =>
      answers.openAnswer(await this.#ask((stub, ...rest) => stub.openAccount(request, ...rest))),
    );
  }

  balances(what: asked.BalancesAsked): Promise<CallResult<readonly asked.BookRead[]>> {
    const pending = this.#client.invoke('balances', this.via, what);
    if (what.level === 'auditor') return read(pending, () => this.#auditor(what.books));
    const ids = (what.accounts ?? []).map(BigInt);
    const request = GetAccountsRequest.fromPartial({ ids, options: optionsOf(what) });
    return read(pending, async () =>
      booksOf(await this.#ask((stub, ...rest) => stub.getAccounts(request, ...rest))),
    );
  }

  statement(what: asked.StatementAsked): Promise<CallResult<asked.StatementRead>> {
    const pending = this.#client.invoke('statement', this.via, what);
    const { account, fromMicros } = what;
    const from =
      fromMicros === undefined
        ? undefined
        : { seconds: BigInt(Math.floor(fromMicros / 1e6)), nanos: (fromMicros % 1e6) * 1_000 };
    return read(pending, async () => {
      const pages: GetStatementResponse[] = [];
      do {
        const request = GetStatementRequest.fromPartial({
          accountId: BigInt(account),
          ...(from === undefined ? {} : { from }),
          pageSize: STATEMENT_PAGE,
          pageToken: pages.at(-1)?.nextPageToken ?? '',
          options: optionsOf(what),
        });
        pages.push(await this.#ask((stub, ...rest) => stub.getStatement(request, ...rest)));
      } while (pages.at(-1)?.nextPageToken !== '');
      return answers.statementRead(pages);
    });
  }

  page(what: asked.PageAsked, most: number): Promise<CallResult<asked.PageRead>> {
    const pending = this.#client.invoke('page', this.via, what);
    const { book, account, after } = what;
    const { copies, routers, deadlineMs } = this.#parts;
    return read(pending, async () => {
      const name = must(
        copies.find((copy) => copy.book === book),
        `there is a book ${book}`,
      ).bookName;
      const request = SubscribeRequest.fromPartial({
        of:
          account === ''
            ? { $case: 'book', value: name }
            : { $case: 'accountId', value: BigInt(account) },
        after: BigInt(after),
      });
      const limits = { most, silenceMs: SILENCE_MS, longestMs: deadlineMs };
      const events = await readPage(routers.of(this.via), request, limits);
      return { events: events.map(answers.eventRead) };
    });
  }

  lookUp(what: asked.LookUpAsked): Promise<CallResult<asked.LookUpRead>> {
    const pending = this.#client.invoke('look_up', this.via, what);
    const request = GetTransferRequest.fromPartial({
      by: { $case: 'transferId', value: what.transferId },
      // Any account of the book: it determines which book is asked.
      debitAccountId: accountId(what.book, 1),
      options: optionsOf(what),
    });
    return read(pending, async () =>
      answers.lookUpRead(
        await this.#ask((stub, ...rest) => stub.getTransfer(request, ...rest)),
        what.book,
      ),
    );
  }

  #ask<Response>(call: BoundCall<Response>, deadlineMs?: number): Promise<Response> {
    const { routers, deadlineMs: usual } = this.#parts;
    return askRouter(routers.of(this.via), call, deadlineMs ?? usual);
  }

  /** Reads the books one after the other: a cut of the installation. */
  async #auditor(books: readonly number[]): Promise<asked.BookRead[]> {
    const { views, deadlineMs } = this.#parts;
    const reads: asked.BookRead[] = [];
    for (const book of books) reads.push(await views.read(book, this.via, deadlineMs));
    return reads;
  }
}

/** Only an error that states `not_applied` proves that nothing was applied. */
function write<Reply>(
  pending: PendingCall<Reply>,
  ask: () => Promise<Reply>,
): Promise<CallResult<Reply>> {
  return finish(pending, ask, (error) =>
    error instanceof CallError && error.outcome === 'not_applied' ? 'fail' : 'info',
  );
}

/** A read applies nothing. */
function read<Reply>(
  pending: PendingCall<Reply>,
  ask: () => Promise<Reply>,
): Promise<CallResult<Reply>> {
  return finish(pending, ask, () => 'fail');
}

async function finish<Reply>(
  pending: PendingCall<Reply>,
  ask: () => Promise<Reply>,
  typeOf: (error: unknown) => 'fail' | 'info',
): Promise<CallResult<Reply>> {
  let reply: Reply;
  try {
    reply = await ask();
  } catch (error) {
    const code = error instanceof CallError ? error.code : 'INTERNAL';
    const fault = { code, message: error instanceof Error ? error.message : String(error) };
    const type = typeOf(error);
    pending[type](fault);
    return { type, fault };
  }
  pending.ok(reply);
  return { type: 'ok', reply };
}

const LEVELS = {
  leader: ReadLevel.LEADER,
  linearizable: ReadLevel.LINEARIZABLE,
  stale: ReadLevel.STALE,
  // Not a level of the API.
  auditor: ReadLevel.UNSPECIFIED,
} as const;

function optionsOf({ level, minPosition }: asked.ReadAsked): ReadOptions {
  const least = minPosition && {
    book: minPosition.book,
    epoch: BigInt(minPosition.epoch),
    seq: BigInt(minPosition.seq),
  };
  return ReadOptions.fromPartial({
    level: LEVELS[level],
    ...(least === null ? {} : { minPosition: least }),
  });
}

/** Groups the accounts by book; those of one book are of one moment, at its position or later. */
function booksOf({ accounts, positions }: GetAccountsResponse): asked.BookRead[] {
  return positions.map(({ book, epoch, seq }) => ({
    position: { book, epoch: Number(epoch), seq: Number(seq) },
    whole: false,
    accounts: accounts.filter(({ id }) => bookOf(id) === book).map(answers.accountRead),
  }));
}
