import type { ChangeAccountRequest } from '../../../proto/gen/meridian/v1/account.ts';
import type { Hold } from '../../../proto/gen/meridian/v1/movement.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import { transferIdOf } from '../../../ledger/core/transfer-id.ts';
import type { OwnAccount } from './own-account.ts';

export type DrawnFields = Partial<CreateTransferRequest>;

/** A hold that was made, with the fields that captures and releases need. */
export interface UsableHold {
  readonly id: string;
  readonly payer: OwnAccount;
  readonly payee: OwnAccount;
  readonly amount: bigint;
}

/** Requests of one workload, each with a key that no other has. */
export class Requests {
  readonly namespace: string;
  #last = 0;

  constructor(namespace: string) {
    this.namespace = namespace;
  }

  /** Id of the transfer that a key of this workload names. */
  idOf({ idempotencyKey = '' }: Pick<DrawnFields, 'idempotencyKey'>): string {
    return transferIdOf(this.namespace, idempotencyKey);
  }

  pay(payer: OwnAccount, payee: OwnAccount, amount: bigint, more: DrawnFields = {}): DrawnFields {
    const sides = { debitAccountId: payer.id, creditAccountId: payee.id };
    return { ...this.#named(), ...sides, amount, ...more };
  }

  /** A payment that names nothing but its key and what moves: books have a lane for these. */
  payPlainly(payer: OwnAccount, payee: OwnAccount, amount: bigint, key: string): DrawnFields {
    return { idempotencyKey: key, debitAccountId: payer.id, creditAccountId: payee.id, amount };
  }

  hold(payer: OwnAccount, payee: OwnAccount, amount: bigint, timing: Hold): DrawnFields {
    return this.pay(payer, payee, amount, { action: { $case: 'hold', value: timing } });
  }

  /** `amount` zero: the whole rest. */
  capture({ id, payer }: UsableHold, amount: bigint, final: boolean): DrawnFields {
    const action = { $case: 'capture', value: { holdId: id, final } } as const;
    return { ...this.#named(), debitAccountId: payer.id, amount, action };
  }

  release({ id, payer }: UsableHold): DrawnFields {
    const action = { $case: 'release', value: { holdId: id } } as const;
    return { ...this.#named(), debitAccountId: payer.id, action };
  }

  change(
    account: OwnAccount,
    change: ChangeAccountRequest['change'],
    expectedVersion?: bigint,
  ): Partial<ChangeAccountRequest> {
    const what = { accountId: account.id, by: 'chaos', why: 'it is part of the load', change };
    return { ...this.#named(), ...what, expectedVersion };
  }

  /** Adds a key to the fields of a request. */
  named(fields: DrawnFields): DrawnFields {
    return { ...this.#named(), ...fields };
  }

  #named() {
    this.#last += 1;
    return { namespace: this.namespace, idempotencyKey: `k${this.#last}` };
  }
}
