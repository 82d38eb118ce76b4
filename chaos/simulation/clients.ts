import { accountId, bookOf } from '../../ledger/core/account-id.ts';
import { transferIdOf } from '../../ledger/core/transfer-id.ts';
import { Freeze, OpenAccountRequest } from '../../proto/gen/meridian/v1/account.ts';
import { Leg } from '../../proto/gen/meridian/v1/movement.ts';
import { CreateTransferRequest } from '../../proto/gen/meridian/v1/transfer.ts';
import { type Attempt, type KeyedHistory, isAnswered, type KeyedCalls } from './keyed-calls.ts';
import { type SimulatedInstallation, REGIONS } from './installation/simulated-installation.ts';
import type { OnAnswer, SimulatedRouter } from './installation/simulated-router.ts';
import type { OperationKind, Swarm } from './swarm.ts';
import { SimProcess } from './world.ts';

/** Longer than any answer takes without faults. */
const RE_ASK_MS = 4_000;
/** A bank and three wallets. */
const CALM_ACCOUNTS = 4;

/** Callers in all regions that pay, hold, capture, reverse and ask again. */
export class Clients {
  readonly history: KeyedHistory = new Map();
  /** The same operations in the order in which they began. */
  readonly #begun: KeyedCalls[] = [];
  readonly #installation: SimulatedInstallation;
  readonly #swarm: Swarm;
  readonly #processes: readonly SimProcess[];
  #keys = 0;
  #active = true;

  constructor(installation: SimulatedInstallation, swarm: Swarm) {
    this.#installation = installation;
    this.#swarm = swarm;
    this.#processes = Array.from(
      { length: swarm.clients },
      (_, index) => new SimProcess(`client-${index}`, REGIONS[index % REGIONS.length] ?? ''),
    );
  }

  /** The newest operation that no client has an answer to. */
  get pending(): KeyedCalls | undefined {
    return this.#begun.findLast((operation) => !isAnswered(operation));
  }

  /**
   * Requests that open the accounts of a book: a bank that may be overdrawn, and wallets with
   * limits; then the same once more, of which nothing is ever held and none is ever frozen.
   */
  openings(): OpenAccountRequest[] {
    const { accounts } = this.#swarm;
    return Array.from({ length: accounts + CALM_ACCOUNTS }, (_, index) => {
      const isBank = index === 0 || index === accounts;
      const hasMax = index === 1 || index === accounts + 1;
      return OpenAccountRequest.fromPartial({
        externalId: `account-${index}`,
        homeRegion: 'eu',
        asset: 'EUR',
        min: isBank ? { $case: 'noMinBalance', value: true } : undefined,
        max: hasMax ? { $case: 'maxBalance', value: 400n } : undefined,
      });
    });
  }

  start(): void {
    this.#active = true;
    for (const client of this.#processes) this.#think(client);
  }

  /** Starts no new calls; calls under way continue. */
  stop(): void {
    this.#active = false;
  }

  #think(client: SimProcess): void {
    const { world } = this.#installation;
    world.afterFor(client, world.random.between(0, this.#swarm.thinkMs * 2), () => {
      if (!this.#active) return;
      this.#act(client);
      this.#think(client);
    });
  }

  #act(client: SimProcess): void {
    const { random } = this.#installation.world;
    const { repeatKey, alterBody, operations, together, deadlineMs } = this.#swarm;
    const known = this.#begun;
    const recent = known.at(-1 - random.below(Math.max(1, Math.min(10, known.length))));
    if (recent !== undefined && random.chance(repeatKey)) {
      // Among new ones, now and then: what is known already must not be posted with them.
      const fresh = random.chance(together) ? this.#transfers(recent.book) : [];
      this.#ask(client, [...fresh, asked(recent)], deadlineMs);
    } else if (recent !== undefined && random.chance(alterBody) && recent.request.amount > 0n) {
      const { request } = recent;
      const altered = { ...request, amount: request.amount + 1n };
      this.#ask(client, [{ operation: recent, request: altered }], deadlineMs);
    } else {
      const kind = random.weighted(operations) ?? 'transfer';
      if (kind === 'freeze') this.#change();
      else if (kind === 'transfer' && random.chance(together)) {
        const book = 1 + random.below(this.#swarm.books);
        this.#ask(client, this.#transfers(book), deadlineMs);
      } else this.#ask(client, [asked(this.#begin(kind, this.#request(kind)))], deadlineMs);
    }
  }

  /** New transfers within a book, of which one may be of another kind. */
  #transfers(book: number): Asked[] {
    const { random } = this.#installation.world;
    const count = 2 + random.below(12);
    const odd = random.chance(this.#swarm.mixed) ? random.below(count) : -1;
    const isCalm = random.chance(0.85);
    const most = random.pick([5, 40, 120]);
    const hasUuids = random.chance(this.#swarm.uuidKeys);
    return Array.from({ length: count }, (_, index) => {
      const pair = isCalm ? this.#calmPair(book) : this.#pairFrom(book, book);
      const plain = { ...pair, amount: BigInt(1 + random.below(most)) };
      const made = index === odd ? { ...plain, reference: 'odd' } : plain;
      return asked(this.#begin('transfer', made, hasUuids));
    });
  }

  #begin(kind: OperationKind, made: Partial<CreateTransferRequest>, hasUuid?: boolean): KeyedCalls {
    const key = this.#newKey(hasUuid);
    const request = CreateTransferRequest.fromPartial({ ...made, idempotencyKey: key });
    const { action } = request;
    const debit =
      action?.$case === 'group' ? action.value.legs[0]?.debitAccountId : request.debitAccountId;
    const book = bookOf(debit ?? 0n);
    const id = transferIdOf('', key);
    const operation: KeyedCalls = { kind, key, id, book, request, attempts: [] };
    this.history.set(id, operation);
    this.#begun.push(operation);
    return operation;
  }

  #newKey(isUuid = this.#installation.world.random.chance(this.#swarm.uuidKeys)): string {
    this.#keys += 1;
    if (!isUuid) return `key-${this.#keys}`;
    return `00000000-0000-7000-8000-${this.#keys.toString(16).padStart(12, '0')}`;
  }

  /** Asks for transfers that one book decides, in one call. */
  #ask(client: SimProcess, items: readonly Asked[], deadlineMs: number): void {
    const { world, routers } = this.#installation;
    const { random } = world;
    const near = routers.find(({ process }) => process.region === client.region);
    const router = near !== undefined && random.chance(0.7) ? near : random.pick(routers);
    const attempts = this.#call(client, router, items, deadlineMs);
    world.afterFor(client, deadlineMs, () => {
      if (attempts.every(({ answers }) => answers.length > 0) || !this.#active) return;
      if (!random.chance(this.#swarm.askAgain)) return;
      world.afterFor(client, random.between(0, 500), () => {
        this.#ask(client, items, deadlineMs);
      });
    });
  }

  #call(
    client: SimProcess,
    router: SimulatedRouter,
    items: readonly Asked[],
    deadlineMs: number,
  ): Attempt[] {
    const { world } = this.#installation;
    const attempts = items.map(({ operation, request }): Attempt => {
      const altered = request.amount !== operation.request.amount;
      const attempt = { request, invokedAt: world.now, answers: [], altered };
      operation.attempts.push(attempt);
      const { kind, key, id } = operation;
      const body = altered ? ' with another body' : '';
      world.log(`${client.name} asks ${router.process.name} for ${kind} ${key} ${id}${body}`);
      return attempt;
    });
    const onAnswer: OnAnswer = (index, response) => {
      world.send(router.process, client, () => {
        attempts[index]?.answers.push({ at: world.now, response });
        const key = items[index]?.operation.key ?? '';
        const { status, reason, position } = response;
        const place = `epoch ${position?.epoch} seq ${position?.seq}`;
        world.log(`${client.name} receives ${key}: status ${status} reason ${reason} ${place}`);
      });
    };
    const book = items[0]?.operation.book ?? 0;
    const requests = items.map(({ request }) => request);
    world.send(client, router.process, () => {
      router.create(book, requests, deadlineMs, onAnswer);
    });
    return attempts;
  }

  /**
   * Asks once more about each unanswered key.
   * @param regions whose routers can be asked
   */
  askAgain(unanswered: Iterable<KeyedCalls>, regions: readonly string[]): void {
    const isThere = ({ region }: SimProcess) => regions.includes(region);
    const client = this.#processes.find(isThere);
    const router = this.#installation.routers.find(({ process }) => isThere(process));
    if (client === undefined || router === undefined) return;
    const byBook = Map.groupBy(unanswered, ({ book }) => book);
    for (const operations of byBook.values()) {
      this.#call(client, router, operations.map(asked), RE_ASK_MS);
    }
  }

  #account(book: number): bigint {
    // Accounts were opened first, so they have the first numbers.
    const { random } = this.#installation.world;
    const bank = random.chance(0.35);
    return accountId(book, bank ? 1 : 1 + random.below(this.#swarm.accounts));
  }

  /** Two of the accounts that are as usual as any: mostly what they do is posted. */
  #calmPair(book: number): { debitAccountId: bigint; creditAccountId: bigint } {
    const { random } = this.#installation.world;
    const first = this.#swarm.accounts + 1;
    const payer = random.chance(0.75) ? 0 : random.below(CALM_ACCOUNTS);
    const payee = (payer + 1 + random.below(CALM_ACCOUNTS - 1)) % CALM_ACCOUNTS;
    const idOf = (index: number) => accountId(book, first + index);
    return { debitAccountId: idOf(payer), creditAccountId: idOf(payee) };
  }

  #pair(across: boolean): { debitAccountId: bigint; creditAccountId: bigint } {
    const { random } = this.#installation.world;
    const from = 1 + random.below(this.#swarm.books);
    const others = Array.from({ length: this.#swarm.books }, (_, index) => index + 1).filter(
      (book) => book !== from,
    );
    const to = across ? random.pick(others) : from;
    return this.#pairFrom(from, to);
  }

  #pairFrom(from: number, to: number): { debitAccountId: bigint; creditAccountId: bigint } {
    const debitAccountId = this.#account(from);
    for (;;) {
      const creditAccountId = this.#account(to);
      if (creditAccountId !== debitAccountId) return { debitAccountId, creditAccountId };
    }
  }

  #request(kind: OperationKind): Partial<CreateTransferRequest> {
    const { random } = this.#installation.world;
    const amount = BigInt(1 + random.below(120));
    switch (kind) {
      case 'transfer':
      case 'freeze':
        return { ...this.#pair(false), amount };
      case 'across':
        return { ...this.#pair(true), amount };
      case 'hold': {
        const timeoutSeconds = random.chance(0.3) ? 0 : 1 + random.below(3);
        const action = { $case: 'hold', value: { timeoutSeconds } } as const;
        return { ...this.#pair(random.chance(0.3)), amount, action };
      }
      case 'capture':
      case 'release': {
        const hold = this.#earlier(['hold']);
        if (hold === undefined) return { ...this.#pair(false), amount };
        const { debitAccountId } = hold.request;
        const part = random.chance(0.5) ? 0n : 1n + hold.request.amount / 2n;
        const value = { holdId: hold.id, final: random.chance(0.5) };
        return kind === 'capture'
          ? { debitAccountId, amount: part, action: { $case: 'capture', value } }
          : { debitAccountId, action: { $case: 'release', value: { holdId: hold.id } } };
      }
      case 'reversal': {
        const paid = this.#earlier(['transfer', 'across']);
        if (paid?.request.action !== undefined || paid === undefined) {
          return { ...this.#pair(false), amount };
        }
        return {
          debitAccountId: paid.request.creditAccountId,
          creditAccountId: paid.request.debitAccountId,
          amount: random.chance(0.5) ? 0n : 1n,
          action: { $case: 'reversal', value: { transferId: paid.id } },
        };
      }
      case 'group':
        return { action: { $case: 'group', value: { legs: this.#legs(amount) } } };
    }
  }

  #legs(amount: bigint): Leg[] {
    const { random } = this.#installation.world;
    const first = this.#pair(false);
    const more = Array.from({ length: 1 + random.below(3) }, () => this.#pair(random.chance(0.3)));
    const book = bookOf(first.debitAccountId);
    return [first, ...more.filter(({ debitAccountId }) => bookOf(debitAccountId) === book)].map(
      (pair) => Leg.fromPartial({ ...pair, amount }),
    );
  }

  /** A recent operation of one of these kinds. */
  #earlier(kinds: readonly OperationKind[]): KeyedCalls | undefined {
    const found: KeyedCalls[] = [];
    for (let index = this.#begun.length - 1; index >= 0 && found.length < 8; index -= 1) {
      const operation = this.#begun[index];
      if (operation !== undefined && kinds.includes(operation.kind)) found.push(operation);
    }
    found.reverse();
    return found.length === 0 ? undefined : this.#installation.world.random.pick(found);
  }

  /** Freezes or thaws an account, at the server that leads its book. */
  #change(): void {
    const { world, servers, books } = this.#installation;
    const { random } = world;
    const { number } = random.pick(books);
    const leader = [...servers.values()].find(
      ({ book, member }) => book.number === number && member?.leader !== undefined,
    );
    const request = {
      idempotencyKey: this.#newKey(),
      namespace: '',
      accountId: accountId(number, 2 + random.below(this.#swarm.accounts - 1)),
      by: 'simulation',
      why: 'to be refused',
      change: {
        $case: 'freeze',
        value: random.pick([Freeze.IN, Freeze.NONE, Freeze.OUT]),
      } as const,
      expectedVersion: undefined,
      dryRun: false,
    };
    const ignored = { onOutcome: () => undefined, onFailure: () => undefined };
    if (leader === undefined) return;
    world.afterFor(leader.process, 1, () => {
      leader.member?.leader?.submit({ kind: 'change', request, ...ignored });
    });
  }
}

/** What is asked under a key: what it was asked for first, or another body. */
interface Asked {
  readonly operation: KeyedCalls;
  readonly request: CreateTransferRequest;
}

const asked = (operation: KeyedCalls): Asked => ({ operation, request: operation.request });
