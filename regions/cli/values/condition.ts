import { InvalidArgumentError } from 'commander';

import type { Condition, Conditions } from '../../../proto/gen/meridian/v1/movement.ts';
import { parseMinor } from '../connection.ts';

/** Conditions on accounts, by their names, for a transfer to be applied. */
export interface ConditionTerms {
  /** Available balance. */
  readonly ifAtLeast?: Readonly<Record<string, bigint>> | undefined;
  /** Balance and what is held in its favour. */
  readonly ifAtMost?: Readonly<Record<string, bigint>> | undefined;
  readonly ifVersion?: Readonly<Record<string, bigint>> | undefined;
}

/** ACCOUNT=NUMBER pairs, gathered over repeated options. A name may have "=" within. */
export function parseAccountValue(
  text: string,
  before: Readonly<Record<string, bigint>> = {},
): Record<string, bigint> {
  const [, name, value] = /^(.+)=(-?\d{1,19})$/su.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw new InvalidArgumentError('It must be ACCOUNT=NUMBER, such as alice=1250.');
  }
  if (Object.hasOwn(before, name)) {
    throw new InvalidArgumentError(`"${name}" has a value already.`);
  }
  return { ...before, [name]: parseMinor(value) };
}

/** The accounts that the terms are about. */
export function accountsOfConditions(terms: ConditionTerms): string[] {
  const { ifAtLeast = {}, ifAtMost = {}, ifVersion = {} } = terms;
  return Object.keys({ ...ifAtLeast, ...ifAtMost, ...ifVersion });
}

/** The terms as the proto has them; undefined when there are none. */
export function conditionsOf(
  { ifAtLeast = {}, ifAtMost = {}, ifVersion = {} }: ConditionTerms,
  idOf: (name: string) => bigint,
): Conditions | undefined {
  const tests = (
    $case: 'balanceAtLeast' | 'balanceAtMost' | 'version',
    values: Readonly<Record<string, bigint>>,
  ) =>
    Object.entries(values).map(([name, value]): Condition => ({
      accountId: idOf(name),
      test: { $case, value },
    }));
  const allOf = [
    ...tests('balanceAtLeast', ifAtLeast),
    ...tests('balanceAtMost', ifAtMost),
    ...tests('version', ifVersion),
  ];
  return allOf.length > 0 ? { allOf } : undefined;
}
