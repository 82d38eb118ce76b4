import { InvalidArgumentError } from 'commander';
import { z } from 'zod';

import { type Leg, UpTo } from '../../../proto/gen/meridian/v1/movement.ts';
import { parseMinor, parseWhole } from '../connection.ts';
import { accountsOfConditions, conditionsOf } from './condition.ts';
import { int64, readJson } from './json-text.ts';

export const CODE_MAX = 2 ** 31 - 1;

/** Which account's limits bound an amount, as people write it. */
export const UP_TO = {
  debit: UpTo.DEBIT_AVAILABLE,
  credit: UpTo.CREDIT_ROOM,
  both: UpTo.BOTH,
} as const;

const account = z
  .union([z.string().min(1), z.number().refine(Number.isSafeInteger)])
  .transform(String);
const amounts = z.record(z.string(), int64).optional();
const ACTIONS = ['hold', 'capture', 'release', 'reversal'] as const;

const legSchema = z
  .strictObject({
    from: account,
    to: account.optional(),
    amount: int64.default(0n),
    asset: z.string().optional(),
    code: z.int32().optional(),
    reference: z.string().optional(),
    metadata: z.record(z.string(), z.string()).optional(),
    hold: z.strictObject({ timeoutSeconds: z.int32().default(0) }).optional(),
    capture: z.strictObject({ holdId: z.string(), final: z.boolean().default(false) }).optional(),
    release: z.strictObject({ holdId: z.string() }).optional(),
    reversal: z.strictObject({ transferId: z.string() }).optional(),
    upTo: z.enum(['debit', 'credit', 'both']).optional(),
    allowZero: z.boolean().optional(),
    rest: z.boolean().optional(),
    ifAtLeast: amounts,
    ifAtMost: amounts,
    ifVersion: amounts,
  })
  .refine(
    (leg) => ACTIONS.filter((action) => leg[action] !== undefined).length <= 1,
    `must have at most one of ${ACTIONS.join(', ')}`,
  );

/** A leg of a group with its accounts by name or id. */
export type NamedLeg = z.output<typeof legSchema>;

/** An account may be id:NUMBER or name:TEXT, which is never read as two accounts. */
const LEG =
  /^((?:id:|name:)?(?!(?:id|name):)[^:]+):((?:id:|name:)?(?!(?:id|name):)[^:]+):([^:]+)(?::([^:]+))?$/su;

/** FROM:TO:AMOUNT or FROM:TO:AMOUNT:CODE, gathered over repeated options. */
export function parseLeg(text: string, before: readonly NamedLeg[] = []): NamedLeg[] {
  const [, from, to, amount, code] = LEG.exec(text) ?? [];
  if (from === undefined || to === undefined || amount === undefined) {
    throw new InvalidArgumentError(
      'It must be FROM:TO:AMOUNT[:CODE]; accounts with ":" in their names go by id, or into a file.',
    );
  }
  const parsed = { from, to, amount: parseMinor(amount) };
  if (code === undefined) return [...before, parsed];
  return [...before, { ...parsed, code: parseWhole(0, CODE_MAX)(code) }];
}

/** Legs of a JSON file. Throws CommandFailure (usage) that names what is wrong; `file` is its name. */
export function readLegs(text: string, file: string): NamedLeg[] {
  return readJson(text, z.array(legSchema).min(1, 'must have a leg'), file);
}

/** Every account that a leg names. */
export function accountsOfLeg(leg: NamedLeg): string[] {
  return [leg.from, ...(leg.to === undefined ? [] : [leg.to]), ...accountsOfConditions(leg)];
}

/** The leg as the proto has it. */
export function legOf(leg: NamedLeg, idOf: (name: string) => bigint): Leg {
  return {
    debitAccountId: idOf(leg.from),
    creditAccountId: leg.to === undefined ? 0n : idOf(leg.to),
    amount: leg.amount,
    asset: leg.asset ?? '',
    code: leg.code ?? 0,
    reference: leg.reference ?? '',
    metadata: leg.metadata ?? {},
    action: actionOf(leg),
    upTo: leg.upTo ? UP_TO[leg.upTo] : UpTo.UNSPECIFIED,
    conditions: conditionsOf(leg, idOf),
    allowZero: leg.allowZero ?? false,
    rest: leg.rest ?? false,
  };
}

function actionOf({ hold, capture, release, reversal }: NamedLeg) {
  if (hold) return { $case: 'hold', value: hold } as const;
  if (capture) return { $case: 'capture', value: capture } as const;
  if (release) return { $case: 'release', value: release } as const;
  return reversal && ({ $case: 'reversal', value: reversal } as const);
}
