import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { bookOf } from '../../../ledger/core/account-id.ts';
import { must } from '../../../ledger/core/assert.ts';
import { Model } from '../../../ledger/testing/model/model.ts';
import { legId, transferIdOf } from '../../../ledger/core/transfer-id.ts';
import { decidingAccountOf } from '../../../ledger/core/validate/validate-transfer.ts';
import type { RandomHistory, HistoryStep } from '../../../ledger/testing/history/random-history.ts';
import type { RequestStep } from '../../../ledger/testing/history/steps.ts';
import {
  type Account,
  ChangeAccountRequest,
  type ChangeAccountResponse,
  type OpenAccountRequest,
} from '../../../proto/gen/meridian/v1/account.ts';
import type {
  RegisterAssetRequest,
  RegisterAssetResponse,
} from '../../../proto/gen/meridian/v1/asset.ts';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import {
  type CreateTransferRequest,
  type CreateTransferResponse,
  GetTransferRequest,
  type GetTransferResponse,
  TransferStatus,
} from '../../../proto/gen/meridian/v1/transfer.ts';
import type { RegionState } from '../../topology/state.ts';
import type { Api } from '../../testing/api-client.ts';
import { AccountIds } from './account-ids.ts';
import { ExpectedAnswers } from './expected-answers.ts';
import type { Journals } from './journals.ts';
import { Naming } from './naming.ts';
import type { HistoryTally } from './history-tally.ts';
import { microsOf } from './time.ts';
import { ModelReplay } from './model-replay.ts';

/** Long, so that no call ends with a timeout on a busy machine. */
const CALL_MS = 60_000;

/** How far ahead a hold may expire for a history to wait for it, and for the end of one. */
const NEAR_MICROS = 2_100_000;
const END_MICROS = 10_000_000;

/** The installation in which histories run together. */
export interface HistoryInstallation {
  readonly apis: readonly Api[];
  readonly regions: readonly RegionState[];
  readonly journals: Journals;
}

/** A transfer that was decided, and not only answered again. */
interface Made {
  readonly book: number;
  readonly id: string;
  readonly request: CreateTransferRequest;
}

/** The common part of the answers to transfers and to changes. */
type Answer = Pick<CreateTransferResponse, 'reason' | 'replayed' | 'decidedAt'>;

/** A request that can be sent twice. */
interface Question<A extends Answer> {
  readonly book: number;
  /** Of the transfer or change, and of legs. */
  readonly ids: readonly string[];
  readonly send: (api: Api, dryRun: boolean) => Promise<A>;
  /** Sends the same request to the model, and returns what the answer must be. */
  readonly ask: () => (first: boolean) => A;
  /** The part of the answer that a dry run must return too. */
  readonly outcomeOf: (answer: A) => unknown;
  /** What a dry run must have answered where the real call answered this. */
  readonly asDry: (answer: A) => A;
  /** What two concurrent answers must both contain. */
  readonly decisionOf: (answer: A) => unknown;
  /** The outcome of a request whose key is taken. */
  readonly refused: 'REJECTED' | 'NOT_CHANGED';
}

/**
 * Runs one history against real books and against the model, and throws as soon as they differ.
 * Each request waits until all effects of the previous one are in the journals.
 */
export class ClusterRun {
  readonly installation: HistoryInstallation;
  readonly replay: ModelReplay;
  readonly ids: AccountIds;
  readonly expected: ExpectedAnswers;
  /** Accounts as returned when they were opened, by id in the model. */
  readonly opened = new Map<bigint, Account>();
  readonly made: Made[] = [];
  /** Steps so far. */
  begun = 0;
  readonly #tally: HistoryTally;
  readonly #naming: Naming;
  readonly #number: number;

  /** @param number of the history: each in a cluster has its own */
  constructor(
    installation: HistoryInstallation,
    { books }: RandomHistory,
    number: number,
    tally: HistoryTally,
  ) {
    this.installation = installation;
    this.#tally = tally;
    const known = installation.regions.slice(0, books);
    const named = known.map(({ book, bookName }) => ({ number: book, name: bookName }));
    this.replay = new ModelReplay(new Model(named));
    this.ids = new AccountIds(books);
    this.expected = new ExpectedAnswers(this.replay, this.ids);
    this.#naming = new Naming(number, number % 2 === 0);
    this.#number = number;
  }

  async run(steps: readonly HistoryStep[]): Promise<void> {
    for (const { asset, scale } of this.#naming.ownCurrencies) {
      await this.#register({ asset, scale, by: 'eve', why: 'its own', dryRun: false });
    }
    for (const step of steps) {
      this.begun += 1;
      switch (step.kind) {
        case 'open':
        case 'transfer':
        case 'change':
        case 'asset':
          await this.#request(this.#naming.step(step));
          break;
        case 'pass':
          await this.#pass(step.micros);
          break;
        // Money travels without a request, and every book is swept.
        case 'deliver':
        case 'sweep':
        case 'forget':
          break;
      }
    }
    await this.#untilExpired(END_MICROS);
    this.#tally.countAll(this.replay.model);
  }

  #request(step: RequestStep): Promise<void> {
    switch (step.kind) {
      case 'open':
        return this.#open(step.book, step.request);
      case 'transfer':
        return this.#transfer(step.request);
      case 'change':
        return this.#change(step.request);
      case 'asset':
        return this.#register(step.request);
    }
  }

  /** Decides which router is called, and how. */
  get #turn(): number {
    return this.#number + this.begun;
  }

  /** The router of one region after the other; with `offset` another one. */
  #api(offset = 0): Api {
    const { apis } = this.installation;
    return must(apis[(this.#turn + offset) % apis.length], 'there are routers');
  }

  /** Some requests are made as a dry run first. */
  get #isRehearsed(): boolean {
    return this.#turn % 4 === 1;
  }

  /** Some requests are sent twice concurrently. */
  get #isDoubled(): boolean {
    return this.#turn % 5 === 2;
  }

  async #open(bookNumber: number, asked: OpenAccountRequest): Promise<void> {
    const region = must(this.installation.regions[bookNumber - 1], 'the book has a region');
    const request = { ...asked, homeRegion: region.name };
    const dry = this.#isRehearsed ? await this.#api(1).open({ ...request, dryRun: true }) : null;
    const { position, account: real, ...answer } = await this.#api().open(request);
    const book = this.replay.model.book(bookNumber);
    this.ids.skipNamed(book);
    const { account, ...expected } = this.replay.model.open(bookNumber, request);
    expect(answer).toEqual({ ...expected, dryRun: false });
    if (account === undefined) this.#tally.outcomes.count('NOT_OPENED', expected.reason);
    expect(position?.book).toBe(bookNumber);
    if (dry !== null) {
      const { position: _, account: would, ...dryAnswer } = dry;
      expect(dryAnswer, 'the dry run').toEqual({ ...answer, dryRun: true });
      expect(would?.externalId, 'the dry run').toBe(real?.externalId);
    }
    if (account === undefined || real === undefined) {
      expect(real).toBe(account);
    } else if (answer.replayed) {
      expect(real).toEqual(this.opened.get(account.id));
    } else {
      this.ids.opened(account.id, real.id);
      this.opened.set(account.id, real);
      expect(real).toEqual(this.expected.account(book, account, real));
    }
  }

  async #register(request: RegisterAssetRequest): Promise<void> {
    const send = (api: Api, dryRun: boolean) =>
      api.call<RegisterAssetResponse>(
        (stub, ...rest) => stub.registerAsset({ ...request, dryRun }, ...rest),
        CALL_MS,
      );
    const dry = this.#isRehearsed ? await send(this.#api(1), true) : null;
    const { positions, asset, ...answer } = await send(this.#api(), false);
    const [known] = this.replay.model.books.map(({ number }) =>
      this.replay.model.register(number, request.asset, request.scale),
    );
    const { scale, registered } = must(known, 'there is a book');
    const same = scale === request.scale;
    const replayed = same && !registered;
    expect(answer).toEqual({ replayed, differingField: same ? '' : 'scale', dryRun: false });
    expect(asset?.scale).toBe(same ? scale : undefined);
    expect(positions.map(({ book }) => book)).toEqual(same ? [1, 2, 3] : [1]);
    if (dry === null) return;
    const { positions: _, ...dryAnswer } = dry;
    expect(dryAnswer, 'the dry run').toEqual({ asset, ...answer, dryRun: true });
  }

  #transfer(request: CreateTransferRequest): Promise<void> {
    const { namespace, idempotencyKey, action } = request;
    const id = transferIdOf(namespace, idempotencyKey);
    const book = bookOf(decidingAccountOf(request));
    const legs = action?.$case === 'group' ? action.value.legs : [];
    const real = this.ids.fields(request);
    return this.#put<CreateTransferResponse>({
      book,
      ids: [id, ...legs.map((_, place) => legId(id, place))],
      send: (api, dryRun) => api.transfer({ ...real, dryRun }, CALL_MS),
      ask: () => {
        const answer = this.replay.model.transfer(request);
        const isNew = !answer.replayed && answer.reason !== Reason.IDEMPOTENCY_KEY_REUSED;
        if (isNew) this.made.push({ book, id, request });
        return (first) => this.expected.answer(book, id, answer, first);
      },
      outcomeOf: transferOutcome,
      asDry,
      decisionOf: transferDecision,
      refused: 'REJECTED',
    });
  }

  #change(request: ChangeAccountRequest): Promise<void> {
    const id = transferIdOf(request.namespace, request.idempotencyKey);
    const book = bookOf(request.accountId);
    const real = this.ids.change(request);
    return this.#put<ChangeAccountResponse>({
      book,
      ids: [id],
      send: (api, dryRun) =>
        api.call((stub, ...rest) => stub.changeAccount({ ...real, dryRun }, ...rest), CALL_MS),
      ask: () => {
        const answer = this.replay.model.change(request);
        return () => this.expected.change(book, id, answer);
      },
      outcomeOf: ({ position: _p, decidedAt: _d, ...outcome }) => outcome,
      asDry: (answer) => ({ ...answer, dryRun: true }),
      decisionOf: (answer) => ({ ...answer, replayed: true }),
      refused: 'NOT_CHANGED',
    });
  }

  /** Sends a request to books and model, and compares the answers. */
  async #put<A extends Answer>(question: Question<A>): Promise<void> {
    const { book, ids, send, ask } = question;
    this.installation.journals.claim(ids, this.replay.unapplied);
    const dry = this.#isRehearsed ? await send(this.#api(1), true) : undefined;
    const { expired } = this.replay;
    let decided: ((first: boolean) => A) | undefined;
    this.replay.expect({ book, ids, ask: () => (decided = ask()) });
    const answers = await Promise.all([
      send(this.#api(), false),
      ...(this.#isDoubled ? [send(this.#api(1), false)] : []),
    ]);
    const first = answers.find(isDecision);
    if (first === undefined) this.replay.expectNothing();
    await this.#settle();
    if (first !== undefined) {
      const expected = must(decided, 'the model has decided too');
      expect(first).toEqual(expected(true));
    }
    for (const answer of answers) {
      if (answer !== first) this.#checkAgain(question, answer, first !== undefined);
    }
    const real = first ?? answers[0];
    if (dry === undefined || real === undefined) return;
    if (this.replay.expired !== expired || this.#dueBetween(dry, real)) return;
    this.#tally.count('dry runs');
    const expected = question.outcomeOf(question.asDry(real));
    expect(question.outcomeOf(dry), 'the dry run').toEqual(expected);
  }

  /** The answer to a key that had its outcome before, or got it concurrently. */
  #checkAgain<A extends Answer>(question: Question<A>, answer: A, atOnce: boolean): void {
    const { ask, decisionOf } = question;
    const expected = ask()(false);
    expect(answer.replayed).toBe(expected.replayed);
    if (atOnce) expect(decisionOf(answer)).toEqual(decisionOf(expected));
    else expect(answer).toEqual(expected);
    this.#tally.count(atOnce ? 'answered twice concurrently' : 'retries');
    if (answer.reason === Reason.IDEMPOTENCY_KEY_REUSED) {
      this.#tally.outcomes.count(question.refused, answer.reason);
    }
  }

  /** True if time has made a difference between two answers. */
  #dueBetween(before: Answer, after: Answer): boolean {
    const from = microsOf(before.decidedAt);
    const to = microsOf(after.decidedAt);
    return this.replay.holds.some(({ expiresAt }) => expiresAt > from && expiresAt <= to);
  }

  /** Waits until nothing is under way, in the books as in the model. */
  async #settle(): Promise<void> {
    const { journals } = this.installation;
    const isSettled = () => {
      this.replay.applyAll();
      return !this.replay.isAsking && this.replay.underWay.length === 0;
    };
    await journals.until(isSettled, 'the journals have what was answered');
    for (const { id, payer } of this.replay.unclosed) {
      const by = { $case: 'transferId', value: id } as const;
      const debitAccountId = this.ids.of(payer);
      const request = GetTransferRequest.fromPartial({ by, debitAccountId });
      const status = async () => {
        const { transfer } = await this.#api().call<GetTransferResponse>((stub, ...rest) =>
          stub.getTransfer(request, ...rest),
        );
        return transfer?.status;
      };
      const often = { timeout: CALL_MS, interval: 10 };
      await expect.poll(status, often).not.toBe(TransferStatus.IN_TRANSIT);
    }
    this.replay.closeAll();
  }

  /** A short time: until a hold is due, and perhaps not swept. A long one: until all are. */
  async #pass(micros: number): Promise<void> {
    if (micros < 900_000) return;
    if (micros > 1_000_000) return this.#untilExpired(NEAR_MICROS);
    const now = Date.now() * 1000;
    const due = Math.min(...this.replay.openHolds.map(({ expiresAt }) => expiresAt));
    if (due < now + NEAR_MICROS) await sleep(Math.max(0, (due - now) / 1000 + 1));
  }

  /** Waits until every hold that is due by then has expired. */
  async #untilExpired(aheadMicros: number): Promise<void> {
    const end = Date.now() * 1000 + aheadMicros;
    const haveExpired = () => {
      this.replay.applyAll();
      return !this.replay.openHolds.some(({ expiresAt }) => expiresAt <= end);
    };
    await this.installation.journals.until(haveExpired, 'holds that are due have expired');
  }
}

function isDecision({ replayed, reason }: Answer): boolean {
  return !replayed && reason !== Reason.IDEMPOTENCY_KEY_REUSED;
}

function transferOutcome(answer: CreateTransferResponse): unknown {
  const { position: _p, decidedAt: _d, expiresAt: _e, group, ...outcome } = answer;
  return { ...outcome, legs: group?.legs.map(transferOutcome) };
}

/** The answer to a group without the later states of its legs. */
function transferDecision(answer: CreateTransferResponse): unknown {
  const legs = answer.group?.legs.map((leg) => ({ ...leg, replayed: true, status: 0, reason: 0 }));
  return { ...answer, replayed: true, group: legs };
}

/** A dry run is marked as one, in each leg of a group as well. */
function asDry(answer: CreateTransferResponse): CreateTransferResponse {
  const legs = answer.group?.legs.map(asDry);
  return { ...answer, dryRun: true, group: legs === undefined ? undefined : { legs } };
}
