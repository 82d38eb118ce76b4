import { bookOf } from '../../../../ledger/core/account-id.ts';
import { must } from '../../../../ledger/core/assert.ts';
import { type JournalRow, RowKind } from '../../../../ledger/core/journal-row.ts';
import { storedOptions } from '../../../../ledger/core/validate/options.ts';
import { settlementId, transferIdOf } from '../../../../ledger/core/transfer-id.ts';
import { openRequest, transferRequest } from '../../../../ledger/testing/books/book-requests.ts';
import type { SettleLeg } from '../../../../proto/gen/meridian/internal/v1/book.ts';
import { ChangeAccountRequest } from '../../../../proto/gen/meridian/v1/account.ts';
import type { CreateTransferRequest } from '../../../../proto/gen/meridian/v1/transfer.ts';
import type { FinalReads } from '../../history/copy-reads.ts';
import { reasonWord } from '../../history/replies.ts';
import {
  type CallFailure,
  type Kind,
  listOf,
  noOperations,
  type Operation,
  type Position,
  type ReadLevel,
  type TransferReply,
} from '../../history/operation.ts';
import type { RunHistory } from '../../history/read-history.ts';
import type { BookOfRun, EpochRecord, Phase, PhaseRecord } from '../../history/record.ts';
import { kindOf } from '../../history/value.ts';
import { type RowChange, StoryBook } from './story-book.ts';
import { captureOf } from '../../../../ledger/testing/books/stored-original.ts';

const MS = 1_000_000;
const REGIONS = ['eu-west', 'us-east', 'ap-south'];

/** Course of a call. */
export interface StoryCall {
  readonly process?: number;
  readonly router?: string;
  /** Default: one millisecond. */
  readonly tookMs?: number;
  /** The second leg is delivered before the answer. */
  readonly settled?: boolean;
  /** The call gets no answer. */
  readonly lost?: boolean;
}

/** A synthetic run: three books, the requests to them, and everything that clients saw. */
export class Story {
  readonly books = new Map([1, 2, 3].map((number) => [number, new StoryBook(number)]));
  readonly operations = noOperations();
  readonly faults: RunHistory['faults'][number][] = [];
  readonly epochs: EpochRecord[] = [];
  readonly phases: PhaseRecord[] = [];
  ns = 0;
  #index = 0;

  constructor() {
    for (const number of this.books.keys()) this.takeOver(number);
  }

  book(number: number): StoryBook {
    return must(this.books.get(number), `there is a book ${number}`);
  }

  pass(ms: number): void {
    this.ns += ms * MS;
    for (const book of this.books.values()) book.waitUntil(1_000_000 + this.ns / 1_000);
  }

  phase(phase: Phase): void {
    this.phases.push({ kind: 'phase', index: this.#next(), phase, ns: this.ns });
  }

  takeOver(number: number): void {
    const book = this.book(number);
    book.takeOver();
    this.pass(1);
    const { epoch } = book;
    const seen = { book: number, epoch, region: 'eu-west', ns: this.ns };
    this.epochs.push({ kind: 'epoch', index: this.#next(), ...seen });
  }

  open(number: number, externalId: string, fields: Parameters<typeof openRequest>[0] = {}): bigint {
    const request = openRequest({ externalId, ...fields });
    const book = this.book(number);
    const { opened } = book.post({ kind: 'open', request, regionBooks: [] });
    const { account, seq } = must(opened[0], 'an account is opened');
    const reply = { accountId: String(account.id), replayed: false, position: at(book, seq) };
    this.record('open', request, reply);
    return account.id;
  }

  /** Requests a transfer of any action; returns its id. */
  transfer(key: string, fields: Partial<CreateTransferRequest>, call: StoryCall = {}): string {
    const request = transferRequest({ idempotencyKey: key, namespace: 'run', ...fields });
    const id = transferIdOf('run', key);
    const book = this.book(payerBook(request));
    if (book.row(id) === undefined) {
      book.post({ kind: 'transfer', id, request });
      if (call.settled === true) this.settle(book.number, bookOf(request.creditAccountId));
      this.record(kindOf(request), request, this.answer(book, id, false), call);
    } else this.record(kindOf(request), request, this.answer(book, id, true), call);
    return id;
  }

  /** The error that a call without any answer got. */
  failed(
    key: string,
    fields: Partial<CreateTransferRequest>,
    fault: CallFailure,
    call: StoryCall = {},
  ) {
    const request = transferRequest({ idempotencyKey: key, namespace: 'run', ...fields });
    Object.assign(this.record(kindOf(request), request, null, call), { type: 'fail', fault });
  }

  change(key: string, accountId: bigint, change: ChangeAccountRequest['change']): void {
    const names = { idempotencyKey: key, namespace: 'run', by: 'ops', why: key };
    const request = { ...ChangeAccountRequest.fromPartial({ ...names, accountId }), change };
    const book = this.book(bookOf(accountId));
    const posted = book.post({ kind: 'change', id: transferIdOf('run', key), request });
    const row = must(posted.rows[0], 'a change has a row');
    const position = at(book, row.seq);
    this.record('change', request, { reason: reasonWord(row.reason), replayed: false, position });
  }

  /** Settles everything in flight between two books. */
  settle(from: number, to: number): void {
    const sender = this.book(from);
    const { sent, settled } = sender.channel(to);
    if (sent === settled) return;
    const first = this.book(to).channel(from).applied + 1;
    const rows = this.#sent(sender, to, settled);
    const legs = rows.map((row) => legOf(sender, row));
    this.book(to).post({ kind: 'settle', originBook: from, firstNumber: first, legs });
    const refused = rows.flatMap((row, index) => {
      const second = this.book(to).row(settlementId(from, row.id));
      const { reason = 0 } = second ?? {};
      const leg = must(legs[index], 'every row has a leg');
      const number = settled + index + 1;
      return reason === 0 ? [] : [{ number, reason, leg, capture: captureOf(row) }];
    });
    const finals = rows.flatMap((row, index) => {
      const number = settled + index + 1;
      const capture = captureOf(row);
      if (capture?.final !== true || refused.some((leg) => leg.number === number)) return [];
      return [{ number, transferId: row.id, holdId: capture.holdId }];
    });
    sender.post({ kind: 'close', peerBook: to, through: sent, refused, finals });
  }

  /** Expires the holds whose time is up. */
  sweep(number: number, ...holds: string[]): void {
    const book = this.book(number);
    const rows = holds.map((id) => must(book.row(id), 'there is a hold'));
    const cursors = rows.map(({ seq, details }) => ({
      expiresAtMicros: must(details?.expiresAtMicros, 'it expires'),
      seq,
    }));
    const swept = must(cursors.at(-1), 'there are holds');
    book.post({ kind: 'expire', holds, swept, seen: { seq: book.seq, atMicros: 0 } });
  }

  balances(numbers: readonly number[], level: ReadLevel, call: StoryCall = {}): void {
    const reads = numbers.map((number) => {
      const book = this.book(number);
      const accounts = book.accounts.map(({ id }) => book.state(id));
      return { position: at(book, book.seq), whole: true, accounts };
    });
    const accounts = reads.flatMap((read) => read.accounts.map(({ account }) => account));
    const asked = { books: numbers, level, minPosition: null };
    const value = level === 'auditor' ? asked : { ...asked, accounts };
    this.record('balances', value, reads, call);
  }

  statement(account: bigint): void {
    const book = this.book(bookOf(account));
    const none = { version: 0, debits: '0', credits: '0', heldDebits: '0', heldCredits: '0' };
    const entries = book.rows.flatMap((row) => {
      const isDebit = row.debitAccount === account;
      if (!(isDebit || row.creditAccount === account) || !MOVES.has(row.kind)) return [];
      const { entries: one } = row;
      if (one === null) return [];
      return [
        {
          version: (isDebit ? one.debitVersion : one.creditVersion) ?? 0,
          seq: row.seq,
          side: isDebit ? 'debit' : 'credit',
          amount: String(row.amount),
          debitsAfter: String(isDebit ? one.debitDebits : one.creditDebits),
          creditsAfter: String(isDebit ? one.debitCredits : one.creditCredits),
        } as const,
      ];
    });
    const opening = { account: String(account), ...none };
    const reply = { position: at(book, book.seq), opening, closing: book.state(account), entries };
    this.record(
      'statement',
      { account: String(account), level: 'leader', minPosition: null },
      reply,
    );
  }

  /** The current answer about a transfer. */
  answer(book: StoryBook, id: string, replayed: boolean): TransferReply {
    const row = must(book.row(id), 'there is a row');
    const isGroup = row.kind === RowKind.group;
    const after = isGroup ? book.rows.slice(row.seq, row.seq + LEGS_MAX) : [];
    const legs = after.filter(({ details }) => details?.groupId === id);
    const expiresAtMicros = row.details?.expiresAtMicros ?? null;
    const isOpen = /"amount"/u.test(row.details?.options ?? '') && row.reason === 0;
    return {
      transferId: id,
      ...this.#outcome(book, row),
      differingField: '',
      replayed,
      position: { book: book.number, epoch: row.epoch, seq: row.seq },
      decidedAtMicros: row.atMicros,
      actualAmount: isOpen ? String(row.amount) : '0',
      expiresAtMicros,
      legs: legs.map((leg) => ({
        transferId: leg.id,
        ...this.#outcome(book, leg),
      })),
    };
  }

  /** Adds an operation that begins now, such as a read of rows or events. */
  record(f: Kind, value: unknown, reply: unknown, call: StoryCall = {}): Operation {
    const { process = 1, router = 'eu-west', tookMs = 1, lost = false } = call;
    const invokedNs = this.ns;
    this.pass(tookMs);
    const operation: Operation = {
      index: this.#next(),
      f,
      process,
      router,
      value,
      invokedNs,
      completedNs: lost ? Infinity : this.ns,
      returnedNs: this.ns,
      type: lost ? 'info' : 'ok',
      reply: lost ? null : reply,
      fault: lost ? { code: 'UNKNOWN', message: 'no answer' } : null,
    };
    this.pass(1);
    (this.operations[listOf[f]] as Operation[]).push(operation);
    return operation;
  }

  history(): RunHistory {
    const books = [...this.books.values()].map(({ number, name }): BookOfRun => ({
      number,
      name,
      region: 'eu-west',
      copies: REGIONS,
      startSeq: 0,
    }));
    return {
      header: {
        kind: 'header',
        seed: 1,
        commit: 'none',
        versions: {},
        options: {},
        startedAt: '2026-01-01T00:00:00.000Z',
        books,
        namespaces: ['run'],
        exclusive: true,
        judging: {
          clockSkewMs: 100,
          answersWithinMs: 1_000,
          recoversWithinMs: 500,
          livenessMs: 10_000,
        },
      },
      operations: this.operations,
      faults: this.faults,
      epochs: this.epochs,
      phases: this.phases,
      facts: [],
      isTorn: false,
    };
  }

  /** Final reads; `changed` replaces the rows of a book in every copy. */
  finals(changed: { readonly book: number; readonly change: RowChange } | null = null): FinalReads {
    const copies = [...this.books.values()].flatMap((book) => {
      const change = changed?.book === book.number ? changed.change : undefined;
      const primary = book.copy('eu-west', 'primary', change);
      return REGIONS.map((region) =>
        region === 'eu-west' ? primary : { ...primary, region, role: 'replica' as const },
      );
    });
    return { copies, missing: [] };
  }

  #next(): number {
    this.#index += 1;
    return this.#index;
  }

  #sent(book: StoryBook, to: number, after: number): JournalRow[] {
    const from = this.#sentFrom.get(`${book.number} ${to}`) ?? 0;
    this.#sentFrom.set(`${book.number} ${to}`, book.rows.length);
    return book.rows.slice(from).filter(({ peer, reason, kind }) => {
      if (reason !== 0 || kind === RowKind.settlement || peer?.book !== to) return false;
      return peer.number !== null && peer.number > after;
    });
  }
  readonly #sentFrom = new Map<string, number>();

  #outcome(book: StoryBook, row: JournalRow): { readonly status: string; readonly reason: string } {
    if (row.reason !== 0) return { status: 'REJECTED', reason: reasonWord(row.reason) };
    if (row.kind === RowKind.hold) return { status: 'HELD', reason: '' };
    if (row.kind === RowKind.release) return { status: 'RELEASED', reason: '' };
    if (row.peer === null) return { status: 'POSTED', reason: '' };
    const second = this.book(row.peer.book).row(settlementId(book.number, row.id));
    if (second === undefined) return { status: 'IN_TRANSIT', reason: '' };
    const { reason } = second;
    return { status: reason === 0 ? 'POSTED' : 'RETURNED', reason: reasonWord(reason) };
  }
}

/** More rows than any group of a story has, openings of transit accounts included. */
const LEGS_MAX = 20;

const MOVES: ReadonlySet<RowKind> = new Set([
  RowKind.transfer,
  RowKind.settlement,
  RowKind.return,
  RowKind.capture,
  RowKind.reversal,
]);

function payerBook({ action, debitAccountId }: CreateTransferRequest): number {
  const leg = action?.$case === 'group' ? action.value.legs[0]?.debitAccountId : undefined;
  return bookOf(leg ?? debitAccountId);
}

function at(book: StoryBook, seq: number): Position {
  return { book: book.number, epoch: book.rows[seq - 1]?.epoch ?? 0, seq };
}

/** A leg as its row says that it travels. */
export function legOf(sender: StoryBook, row: JournalRow): SettleLeg {
  const { id, debitAccount, peer, amount, code, reference, metadata, details } = row;
  const { action } = storedOptions(details?.options ?? '');
  const payer = must(debitAccount, 'a leg has a payer');
  return {
    transferId: id,
    debitAccountId: payer,
    creditAccountId: must(peer, 'a leg has a peer').account,
    amount: amount ?? 0n,
    asset: must(sender.account(payer), 'the payer is there').asset,
    code,
    reference,
    metadata: { ...metadata },
    reversalOf: action?.$case === 'reversal' ? action.value.transferId : '',
  };
}
