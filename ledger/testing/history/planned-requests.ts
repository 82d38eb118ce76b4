import type { ChangeAccountRequest } from '../../../proto/gen/meridian/v1/account.ts';
import { type Conditions, type Leg, UpTo } from '../../../proto/gen/meridian/v1/movement.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import { bookOf } from '../../core/account-id.ts';
import { legId, settlementId, transferIdOf } from '../../core/transfer-id.ts';
import { alteredChange, alteredTransfer, withSoundRests } from './altered-requests.ts';
import type { DeliverStep, RequestStep, TimeStep } from './steps.ts';
import type {
  ConditionPlan,
  DrawPlan,
  GroupPlan,
  LegPlan,
  MovePlan,
  PlannedStep,
} from './history-plan.ts';

/** What was asked for earlier, whatever became of it. */
interface Asked {
  readonly id: string;
  readonly what: LegPlan['what'] | 'group';
  /** Where the money comes from and goes to. */
  readonly payer: bigint;
  readonly payee: bigint;
  readonly amount: bigint;
}

/** An id that was never used. */
const UNKNOWN_ID = '01890000-0000-7000-8000-ffffffffffff';

const numbered = (book: number, number: number) => BigInt(book) * 2n ** 48n + BigInt(number);

/** Makes requests of the plans of a history, in order. */
export class PlannedRequests {
  readonly #books: number;
  readonly #asked: Asked[] = [];
  readonly #requests: (CreateTransferRequest | ChangeAccountRequest)[] = [];

  /** @param books how many there are */
  constructor(books: number) {
    this.#books = books;
  }

  step(plan: PlannedStep): RequestStep | DeliverStep | TimeStep {
    switch (plan.kind) {
      case 'single': {
        const { idempotencyKey, namespace, book, leg } = plan;
        const id = transferIdOf(namespace, idempotencyKey);
        const fields = this.#leg(id, book, leg, false);
        return this.#transfer({ idempotencyKey, namespace, ...fields, wait: 0, dryRun: false });
      }
      case 'group':
        return this.#transfer(this.#group(plan));
      case 'change':
        this.#requests.push(plan.request);
        return plan;
      case 'retry': {
        const earlier = this.#requests.at(-1 - (plan.ago % Math.max(1, this.#requests.length)));
        // Without anything to repeat, time passes.
        if (earlier === undefined) return { kind: 'pass', book: 1, micros: 1 };
        return 'accountId' in earlier
          ? alteredChange(earlier, plan.altered)
          : alteredTransfer(earlier, plan.altered);
      }
      case 'open':
      case 'asset':
      case 'deliver':
      case 'pass':
      case 'sweep':
      case 'forget':
        return plan;
    }
  }

  #transfer(request: CreateTransferRequest): RequestStep {
    this.#requests.push(request);
    return { kind: 'transfer', request };
  }

  #group({
    idempotencyKey,
    namespace,
    book,
    legs: planned,
    words,
  }: GroupPlan): CreateTransferRequest {
    const id = transferIdOf(namespace, idempotencyKey);
    const asked = planned.map((plan, place) => {
      const leg = this.#leg(legId(id, place), book, plan, true);
      return 'payee' in plan ? { ...leg, rest: plan.rest } : leg;
    });
    const legs = withSoundRests(asked);
    this.#asked.push({
      id,
      what: 'group',
      payer: numbered(book, 1),
      payee: numbered(book, 2),
      amount: 1n,
    });
    return {
      idempotencyKey,
      namespace,
      debitAccountId: 0n,
      creditAccountId: 0n,
      amount: 0n,
      ...words,
      asset: '',
      action: { $case: 'group', value: { legs } },
      upTo: UpTo.UNSPECIFIED,
      conditions: undefined,
      allowZero: false,
      wait: 0,
      dryRun: false,
    };
  }

  /** @param stay true: the debit account must be in this book */
  #leg(id: string, book: number, plan: LegPlan, stay: boolean): Leg {
    return 'payee' in plan ? this.#move(id, book, plan) : this.#draw(id, book, plan, stay);
  }

  #move(id: string, book: number, plan: LegPlan & MovePlan): Leg {
    const { what, payer, payee, amount, timeoutSeconds, words } = plan;
    const debitAccountId = numbered(book, payer);
    const wanted = numbered(...payee);
    // A transfer to the account it comes from is malformed.
    const creditAccountId = wanted === debitAccountId ? wanted + 1n : wanted;
    this.#asked.push({ id, what, payer: debitAccountId, payee: creditAccountId, amount });
    const looksAway = plan.upTo !== UpTo.UNSPECIFIED && payee[0] !== book;
    return {
      debitAccountId,
      creditAccountId,
      amount,
      ...words,
      action: what === 'hold' ? { $case: 'hold', value: { timeoutSeconds } } : undefined,
      upTo: looksAway ? UpTo.DEBIT_AVAILABLE : plan.upTo,
      conditions: conditionsOf(plan.conditions, debitAccountId),
      allowZero: plan.upTo !== UpTo.UNSPECIFIED && plan.allowZero,
      rest: false,
    };
  }

  #draw(id: string, book: number, plan: LegPlan & DrawPlan, stay: boolean): Leg {
    const { what, slip, words } = plan;
    const target = this.#target(plan, stay ? book : undefined);
    // There must be something first.
    if (target === undefined) return this.#move(id, book, firstMove(plan, book));
    const { payer, payee } = target;
    const amount = what === 'release' ? 0n : amountOf(plan, target.amount);
    const targetId =
      slip === 'id'
        ? UNKNOWN_ID
        : slip === 'settlement'
          ? settlementId(bookOf(payer), target.id)
          : target.id;
    const debit = what === 'reversal' ? payee : payer;
    const credit = what === 'reversal' ? payer : 0n;
    const debitAccountId =
      slip !== 'account' ? debit : debit === credit - 1n ? debit + 2n : debit + 1n;
    // It moves what its hold has held, but what a reversal gives back goes the other way.
    const way = what === 'reversal' ? { payer: payee, payee: payer } : { payer, payee };
    this.#asked.push({ id, what, ...way, amount: amount === 0n ? target.amount : amount });
    return {
      debitAccountId,
      creditAccountId: credit,
      amount,
      ...words,
      action: drawAction(plan, targetId),
      upTo: UpTo.UNSPECIFIED,
      conditions: conditionsOf(plan.conditions, debitAccountId),
      allowZero: false,
      rest: false,
    };
  }

  /** The hold or transfer that is drawn on; undefined if there is none. */
  #target({ what, ago, slip }: DrawPlan, book: number | undefined): Asked | undefined {
    const candidates = this.#asked.filter((asked) => {
      const decidedIn = bookOf(what === 'reversal' ? asked.payee : asked.payer);
      if (decidedIn > this.#books || (book !== undefined && decidedIn !== book)) return false;
      if (slip === 'kind') return true;
      return what === 'reversal'
        ? asked.what === 'move' || asked.what === 'capture'
        : asked.what === 'hold';
    });
    return candidates.at(-1 - (ago % Math.max(1, candidates.length)));
  }
}

/** What a later plan can draw on. */
function firstMove({ what, words, conditions }: LegPlan, book: number): LegPlan & MovePlan {
  return {
    what: what === 'reversal' ? 'move' : 'hold',
    payer: 1,
    payee: [book, 2],
    amount: 100n,
    upTo: UpTo.UNSPECIFIED,
    allowZero: false,
    rest: false,
    timeoutSeconds: 2,
    words,
    conditions,
  };
}

function drawAction({ what, final }: DrawPlan, id: string): Leg['action'] {
  switch (what) {
    case 'capture':
      return { $case: what, value: { holdId: id, final } };
    case 'release':
      return { $case: what, value: { holdId: id } };
    case 'reversal':
      return { $case: what, value: { transferId: id } };
  }
}

function amountOf({ share }: DrawPlan, whole: bigint): bigint {
  switch (share) {
    case 'all':
      return 0n;
    case 'half':
      return whole / 2n;
    case 'one':
      return 1n;
    case 'exactly':
      return whole;
    case 'more':
      return whole < 2n ** 63n - 1n ? whole + 1n : whole;
  }
}

function conditionsOf(planned: readonly ConditionPlan[], debit: bigint): Conditions | undefined {
  if (planned.length === 0) return undefined;
  const allOf = planned.map(({ account, test }) => ({
    accountId: numbered(bookOf(debit), account),
    test,
  }));
  return { allOf };
}
