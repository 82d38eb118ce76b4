import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { bookOf } from '../../../ledger/core/account-id.ts';
import { must } from '../../../ledger/core/assert.ts';
import { Model } from '../../../ledger/core/model/model.ts';
import { legId, transferIdOf } from '../../../ledger/core/transfer-id.ts';
import { decidingAccountOf } from '../../../ledger/core/validate-transfer.ts';
import type { History, RequestStep, Step } from '../../../ledger/test/history.ts';
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
import type { RegionState } from '../../local/state.ts';
import type { Api } from '../api-client.ts';
import { AccountIds } from './account-ids.ts';
import { Expected } from './expected.ts';
import type { Journals } from './journals.ts';
import { Naming } from './naming.ts';
import type { Tally } from './tally.ts';
import { microsOf } from './time.ts';
import { ToldModel } from './told-model.ts';

/** The machine may be busy, and no answer shall say that it could not wait. */
const CALL_MS = 60_000;

/** How far ahead a hold may expire for a history to wait for it, and for the end of one. */
const NEAR_MICROS = 2_100_000;
const END_MICROS = 10_000_000;

/** What a history runs in, together with others. */
export interface Installation {
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

/** What the answers to transfers and to changes have in common. */
type Answer = Pick<CreateTransferResponse, 'reason' | 'replayed' | 'decidedAt'>;

/** What can be asked twice. */
interface Question<A extends Answer> {
  readonly book: number;
  /** Of the transfer or change, and of legs. */
  readonly ids: readonly string[];
  readonly send: (api: Api, dryRun: boolean) => Promise<A>;
  /** Asks the model the same, and says what the answer must be. */
  readonly ask: () => (first: boolean) => A;
  /** What a dry run must say too. */
  readonly outcomeOf: (answer: A) => unknown;
  /** What a dry run must have answered where the real call answered this. */
  readonly asDry: (answer: A) => A;
  /** What two answers at the same time must both say. */
  readonly decisionOf: (answer: A) => unknown;
  /** What becomes of a request whose key is taken. */
  readonly refused: 'REJECTED' | 'NOT_CHANGED';
}

/**
 * Runs one history against real books and against the model, and throws as soon as they differ.
 * Each request waits until all that the one before it has set off is in the journals.
 */
export class ClusterRun {
  readonly installation: Installation;
  readonly told: ToldModel;
  readonly ids: AccountIds;
  readonly expected: Expected;
  /** Accounts as their openings were answered, by id in the model. */
  readonly opened = new Map<bigint, Account>();
  readonly made: Made[] = [];
  /** Steps so far. */
  begun = 0;
  readonly #tally: Tally;
  readonly #naming: Naming;
  readonly #number: number;

  /** @param number of the history: each in a cluster has its own */
  constructor(installation: Installation, { books }: History, number: number, tally: Tally) {
    this.installation = installation;
    this.#tally = tally;
    const known = installation.regions.slice(0, books);
    const named = known.map(({ book, bookName }) => ({ number: book, name: bookName }));
    this.told = new ToldModel(new Model(named));
    this.ids = new AccountIds(books);
    this.expected = new Expected(this.told, this.ids);
    this.#naming = new Naming(number, number % 2 === 0);
    this.#number = number;
  }

  async run(steps: readonly Step[]): Promise<void> {
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
        // Money travels by itself, and every book is swept.
        case 'deliver':
        case 'sweep':
        case 'forget':
          break;
      }
    }
    await this.#untilExpired(END_MICROS);
    this.#tally.countAll(this.told.model);
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

  /** Decides who is asked and how. */
  get #turn(): number {
    return this.#number + this.begun;
  }

  /** The router of one region after the other; with `offset` another one. */
  #api(offset = 0): Api {
    const { apis } = this.installation;
    return must(apis[(this.#turn + offset) % apis.length], 'there are routers');
  }

  /** Some requests are asked dry before, */
  get #isRehearsed(): boolean {
    return this.#turn % 4 === 1;
  }

  /** and some twice at once. */
  get #isDoubled(): boolean {
    return this.#turn % 5 === 2;
  }

  async #open(bookNumber: number, asked: OpenAccountRequest): Promise<void> {
    const region = must(this.installation.regions[bookNumber - 1], 'the book has a region');
    const request = { ...asked, homeRegion: region.name };
    const dry = this.#isRehearsed ? await this.#api(1).open({ ...request, dryRun: true }) : null;
    const { position, account: real, ...answer } = await this.#api().open(request);
    const book = this.told.model.book(bookNumber);
    this.ids.skipNamed(book);
    const { account, ...expected } = this.told.model.open(bookNumber, request);
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
    const [known] = this.told.model.books.map(({ number }) =>
      this.told.model.register(number, request.asset, request.scale),
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
        const answer = this.told.model.transfer(request);
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
        const answer = this.told.model.change(request);
        return () => this.expected.change(book, id, answer);
      },
      outcomeOf: ({ position: _p, decidedAt: _d, ...outcome }) => outcome,
      asDry: (answer) => ({ ...answer, dryRun: true }),
      decisionOf: (answer) => ({ ...answer, replayed: true }),
      refused: 'NOT_CHANGED',
    });
  }

  /** Puts a question to books and model, and compares the answers. */
  async #put<A extends Answer>(question: Question<A>): Promise<void> {
    const { book, ids, send, ask } = question;
    this.installation.journals.claim(ids, this.told.untold);
    const dry = this.#isRehearsed ? await send(this.#api(1), true) : undefined;
    const { expired } = this.told;
    let decided: ((first: boolean) => A) | undefined;
    this.told.expect({ book, ids, ask: () => (decided = ask()) });
    const answers = await Promise.all([
      send(this.#api(), false),
      ...(this.#isDoubled ? [send(this.#api(1), false)] : []),
    ]);
    const first = answers.find(isDecision);
    if (first === undefined) this.told.expectNothing();
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
    if (this.told.expired !== expired || this.#dueBetween(dry, real)) return;
    this.#tally.count('dry runs');
    const expected = question.outcomeOf(question.asDry(real));
    expect(question.outcomeOf(dry), 'the dry run').toEqual(expected);
  }

  /** The answer to a key that had its outcome, or was given it at the same time. */
  #checkAgain<A extends Answer>(question: Question<A>, answer: A, atOnce: boolean): void {
    const { ask, decisionOf } = question;
    const expected = ask()(false);
    expect(answer.replayed).toBe(expected.replayed);
    if (atOnce) expect(decisionOf(answer)).toEqual(decisionOf(expected));
    else expect(answer).toEqual(expected);
    this.#tally.count(atOnce ? 'answered twice at once' : 'retries');
    if (answer.reason === Reason.IDEMPOTENCY_KEY_REUSED) {
      this.#tally.outcomes.count(question.refused, answer.reason);
    }
  }

  /** True if time has made a difference between two answers. */
  #dueBetween(before: Answer, after: Answer): boolean {
    const from = microsOf(before.decidedAt);
    const to = microsOf(after.decidedAt);
    return this.told.holds.some(({ expiresAt }) => expiresAt > from && expiresAt <= to);
  }

  /** Waits until nothing is under way, in the books as in the model. */
  async #settle(): Promise<void> {
    const { journals } = this.installation;
    const isSettled = () => {
      this.told.tell();
      return !this.told.isAsking && this.told.underWay.length === 0;
    };
    await journals.until(isSettled, 'the journals have what was answered');
    for (const { id, payer } of this.told.unclosed) {
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
    this.told.closeAll();
  }

  /** A short time: until a hold is due, and perhaps not swept. A long one: until all are. */
  async #pass(micros: number): Promise<void> {
    if (micros < 900_000) return;
    if (micros > 1_000_000) return this.#untilExpired(NEAR_MICROS);
    const now = Date.now() * 1000;
    const due = Math.min(...this.told.openHolds.map(({ expiresAt }) => expiresAt));
    if (due < now + NEAR_MICROS) await sleep(Math.max(0, (due - now) / 1000 + 1));
  }

  /** Waits until every hold that is due by then has expired. */
  async #untilExpired(aheadMicros: number): Promise<void> {
    const end = Date.now() * 1000 + aheadMicros;
    const haveExpired = () => {
      this.told.tell();
      return !this.told.openHolds.some(({ expiresAt }) => expiresAt <= end);
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

/** Of a group: but for what has become of its legs meanwhile. */
function transferDecision(answer: CreateTransferResponse): unknown {
  const legs = answer.group?.legs.map((leg) => ({ ...leg, replayed: true, status: 0, reason: 0 }));
  return { ...answer, replayed: true, group: legs };
}

/** A dry run says that it is one, in each leg of a group as well. */
function asDry(answer: CreateTransferResponse): CreateTransferResponse {
  const legs = answer.group?.legs.map(asDry);
  return { ...answer, dryRun: true, group: legs === undefined ? undefined : { legs } };
}
