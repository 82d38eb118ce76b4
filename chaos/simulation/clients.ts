import { accountId, bookOf } from '../../ledger/core/account-id.ts';
import { transferIdOf } from '../../ledger/core/transfer-id.ts';
import { Freeze, OpenAccountRequest } from '../../proto/gen/meridian/v1/account.ts';
import { Leg } from '../../proto/gen/meridian/v1/movement.ts';
import { CreateTransferRequest } from '../../proto/gen/meridian/v1/transfer.ts';
import { type Attempt, type KeyedHistory, isAnswered, type KeyedCalls } from './keyed-calls.ts';
import { type SimulatedInstallation, REGIONS } from './installation/simulated-installation.ts';
import type { SimulatedRouter } from './installation/simulated-router.ts';
import type { OperationKind, Swarm } from './swarm.ts';
import { SimProcess } from './world.ts';

/** Longer than any answer takes without faults. */
const RE_ASK_MS = 4_000;

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
   * limits.
   */
  openings(): OpenAccountRequest[] {
    return Array.from({ length: this.#swarm.accounts }, (_, index) =>
      OpenAccountRequest.fromPartial({
        externalId: `account-${index}`,
        homeRegion: 'eu',
        asset: 'EUR',
        min: index === 0 ? { $case: 'noMinBalance', value: true } : undefined,
        max: index === 1 ? { $case: 'maxBalance', value: 400n } : undefined,
      }),
    );
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
    const { repeatKey, alterBody, operations } = this.#swarm;
    const known = this.#begun;
    const recent = known.at(-1 - random.below(Math.max(1, Math.min(10, known.length))));
    if (recent !== undefined && random.chance(repeatKey)) {
      this.#ask(client, recent, recent.request, this.#swarm.deadlineMs);
    } else if (recent !== undefined && random.chance(alterBody) && recent.request.amount > 0n) {
      const { request } = recent;
      this.#ask(
        client,
        recent,
        { ...request, amount: request.amount + 1n },
        this.#swarm.deadlineMs,
      );
    } else {
      const kind = random.weighted(operations) ?? 'transfer';
      if (kind === 'freeze') this.#change();
      else this.#begin(client, kind);
    }
  }

  #begin(client: SimProcess, kind: OperationKind): void {
    const made = this.#request(kind);
    this.#keys += 1;
    const key = keyOf(this.#keys);
    const request = CreateTransferRequest.fromPartial({ ...made, idempotencyKey: key });
    const { action } = request;
    const debit =
      action?.$case === 'group' ? action.value.legs[0]?.debitAccountId : request.debitAccountId;
    const book = bookOf(debit ?? 0n);
    const id = transferIdOf('', key);
    const operation: KeyedCalls = { kind, key, id, book, request, attempts: [] };
    this.history.set(id, operation);
    this.#begun.push(operation);
    this.#ask(client, operation, request, this.#swarm.deadlineMs);
  }

  #ask(
    client: SimProcess,
    operation: KeyedCalls,
    request: CreateTransferRequest,
    deadlineMs: number,
  ): void {
    const { world, routers } = this.#installation;
    const { random } = world;
    const near = routers.find(({ process }) => process.region === client.region);
    const router = near !== undefined && random.chance(0.7) ? near : random.pick(routers);
    const attempt = {
      request,
      invokedAt: world.now,
      answers: [],
      altered: request.amount !== operation.request.amount,
    };
    operation.attempts.push(attempt);
    this.#call(client, router, operation, { attempt, deadlineMs });
    world.afterFor(client, deadlineMs, () => {
      if (attempt.answers.length > 0 || !this.#active) return;
      if (!random.chance(this.#swarm.askAgain)) return;
      world.afterFor(client, random.between(0, 500), () => {
        this.#ask(client, operation, request, deadlineMs);
      });
    });
  }

  #call(
    client: SimProcess,
    router: SimulatedRouter,
    operation: KeyedCalls,
    { attempt, deadlineMs }: { readonly attempt: Attempt; readonly deadlineMs: number },
  ): void {
    const { world } = this.#installation;
    const { book, kind, key, id } = operation;
    const altered = attempt.altered ? ' with another body' : '';
    world.log(`${client.name} asks ${router.process.name} for ${kind} ${key} ${id}${altered}`);
    world.send(client, router.process, () => {
      router.create(book, attempt.request, deadlineMs, (response) => {
        world.send(router.process, client, () => {
          attempt.answers.push({ at: world.now, response });
          const { status, reason, position } = response;
          const place = `epoch ${position?.epoch} seq ${position?.seq}`;
          world.log(`${client.name} receives ${key}: status ${status} reason ${reason} ${place}`);
        });
      });
    });
  }

  /**
   * Asks once more about each unanswered key.
   * @param regions whose routers can be asked
   */
  askAgain(unanswered: Iterable<KeyedCalls>, regions: readonly string[]): void {
    for (const operation of unanswered) {
      const client = this.#processes.find(({ region }) => regions.includes(region));
      const router = this.#installation.routers.find(({ process }) =>
        regions.includes(process.region),
      );
      if (client === undefined || router === undefined) return;
      const { request } = operation;
      const attempt = {
        request,
        invokedAt: this.#installation.world.now,
        answers: [],
        altered: false,
      };
      operation.attempts.push(attempt);
      this.#call(client, router, operation, { attempt, deadlineMs: RE_ASK_MS });
    }
  }

  #account(book: number): bigint {
    // Accounts were opened first, so they have the first numbers.
    const { random } = this.#installation.world;
    const bank = random.chance(0.35);
    return accountId(book, bank ? 1 : 1 + random.below(this.#swarm.accounts));
  }

  #pair(across: boolean): { debitAccountId: bigint; creditAccountId: bigint } {
    const { random } = this.#installation.world;
    const from = 1 + random.below(this.#swarm.books);
    const others = Array.from({ length: this.#swarm.books }, (_, index) => index + 1).filter(
      (book) => book !== from,
    );
    const to = across ? random.pick(others) : from;
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
    this.#keys += 1;
    const request = {
      idempotencyKey: keyOf(this.#keys),
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

const keyOf = (number: number) => `key-${number}`;
