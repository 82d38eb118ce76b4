import { z } from 'zod';

import { CommandFailure, ExitCode } from '../../terminal/failure.ts';

/** A 64-bit number, as a string or as a number that JSON can hold exactly. */
export const int64 = z
  .custom<string | number>(
    (value) =>
      Number.isSafeInteger(value) || (typeof value === 'string' && /^-?\d{1,19}$/u.test(value)),
    { error: 'must be a whole number, as a string if it is large', abort: true },
  )
  .transform(BigInt)
  .refine((value) => BigInt.asIntN(64, value) === value, 'must fit 64 bits');

/**
 * Reads JSON that a user wrote. Throws CommandFailure (usage) that names every field that is
 * wrong; `what` describes the text, such as the name of a file.
 */
export function readJson<T>(text: string, schema: z.ZodType<T>, what: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandFailure(ExitCode.usage, `${what} is not JSON: ${reason}`);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const lines = result.error.issues.map(({ path, message }) =>
    path.length > 0 ? `${path.join('.')}: ${message}` : message,
  );
  throw new CommandFailure(ExitCode.usage, `${what} is wrong: ${lines.join('; ')}`);
}
