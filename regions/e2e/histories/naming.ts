import { legId, settlementId, transferIdOf } from '../../../ledger/core/transfer-id.ts';
import type { RequestStep } from '../../../ledger/testing/history/steps.ts';
import type {
  ChangeAccountRequest,
  OpenAccountRequest,
} from '../../../proto/gen/meridian/v1/account.ts';
import type { RegisterAssetRequest } from '../../../proto/gen/meridian/v1/asset.ts';
import type { Leg } from '../../../proto/gen/meridian/v1/movement.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';

/** Assets that the histories use without registration. */
export const CURRENCIES: ReadonlyMap<string, number> = new Map([
  ['EUR', 2],
  ['USD', 2],
  ['KWD', 3],
  ['JPY', 0],
]);

/** A total of all histories below this overflows no shared account. */
const SMALL = 2n ** 32n;

const COUNTED_UUID = /^(01890000-0000-7000-8000-)0{10}([0-9]{2})$/u;

/**
 * Renames everything that the requests of one history name, so that histories can share books
 * without interfering. A key that is a UUID becomes another UUID.
 *
 * All histories of an asset share the accounts that hold money in transit. So a history either
 * has its own assets, or amounts that cannot fill them.
 */
export class Naming {
  readonly #number: number;
  readonly #shared: boolean;
  /** New ids of transfers, legs and settlements by the ones in the history. */
  readonly #ids = new Map<string, string>();

  /** @param shared true: currencies stay as they are, amounts become small */
  constructor(number: number, shared: boolean) {
    this.#number = number;
    this.#shared = shared;
  }

  /** What this history has to register before it begins. */
  get ownCurrencies(): { readonly asset: string; readonly scale: number }[] {
    if (this.#shared) return [];
    return [...CURRENCIES].map(([code, scale]) => ({ asset: this.#asset(code), scale }));
  }

  step(step: RequestStep): RequestStep {
    switch (step.kind) {
      case 'open':
        return { ...step, request: this.#open(step.request) };
      case 'transfer':
        return { ...step, request: this.#transfer(step.request) };
      case 'change':
        return { ...step, request: this.#change(step.request) };
      case 'asset':
        return { ...step, request: this.#register(step.request) };
    }
  }

  #open(request: OpenAccountRequest): OpenAccountRequest {
    const externalId = `${this.#number} ${request.externalId}`;
    return { ...request, externalId, asset: this.#asset(request.asset) };
  }

  #register(request: RegisterAssetRequest): RegisterAssetRequest {
    return { ...request, asset: this.#asset(request.asset) };
  }

  #change(request: ChangeAccountRequest): ChangeAccountRequest {
    const idempotencyKey = this.#key(request.idempotencyKey);
    return { ...request, idempotencyKey };
  }

  #transfer(request: CreateTransferRequest): CreateTransferRequest {
    const { namespace, action } = request;
    const idempotencyKey = this.#key(request.idempotencyKey);
    const before = transferIdOf(namespace, request.idempotencyKey);
    const id = transferIdOf(namespace, idempotencyKey);
    this.#remember(before, id);
    if (action?.$case !== 'group')
      return { ...request, ...this.#leg({ ...request, action, rest: false }), idempotencyKey };
    const legs = action.value.legs.map((leg, place) => {
      this.#remember(legId(before, place), legId(id, place));
      return this.#leg(leg);
    });
    return { ...request, idempotencyKey, action: { $case: 'group', value: { legs } } };
  }

  #leg(leg: Leg): Leg {
    const amount = this.#shared && leg.amount >= SMALL ? (leg.amount % 1000n) + 1n : leg.amount;
    return { ...leg, amount, asset: this.#asset(leg.asset), action: this.#action(leg.action) };
  }

  #action(action: Leg['action']): Leg['action'] {
    switch (action?.$case) {
      case undefined:
      case 'hold':
        return action;
      case 'capture': {
        const { holdId, final } = action.value;
        return { $case: 'capture', value: { holdId: this.#id(holdId), final } };
      }
      case 'release':
        return { $case: 'release', value: { holdId: this.#id(action.value.holdId) } };
      case 'reversal':
        return { $case: 'reversal', value: { transferId: this.#id(action.value.transferId) } };
    }
  }

  #remember(before: string, after: string): void {
    this.#ids.set(before, after);
    for (const book of [1, 2, 3]) {
      this.#ids.set(settlementId(book, before), settlementId(book, after));
    }
  }

  #id(id: string): string {
    return this.#ids.get(id) ?? id;
  }

  #key(key: string): string {
    const [, head, tail] = COUNTED_UUID.exec(key) ?? [];
    if (head === undefined || tail === undefined) return `${this.#number} ${key}`;
    return `${head}${this.#number.toString(16).padStart(10, '0')}${tail}`;
  }

  #asset(name: string): string {
    const [code = '', scale] = name.split('/');
    if (code === '' || (this.#shared && CURRENCIES.has(code))) return name;
    const own = `${code}.${this.#number.toString(36).toUpperCase()}`;
    return scale === undefined ? own : `${own}/${scale}`;
  }
}
