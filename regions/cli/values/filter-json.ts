import { InvalidArgumentError } from 'commander';
import { z } from 'zod';

import { Filter, Side } from '../../../proto/gen/meridian/v1/query.ts';
import { parseStatus } from './filter.ts';
import { parseInstant } from './instant.ts';
import { int64, readJson } from './json-text.ts';

/** A filter in the JSON form of its proto. Throws CommandFailure (usage) that names what is wrong. */
export function parseFilter(text: string): Filter {
  return readJson(text, filter, 'the filter');
}

/** An object with one test; errors within it are reported with their path. */
const filter: z.ZodType<Filter> = z.record(z.string(), z.unknown()).transform((object, context) => {
  const [[name, value] = ['', undefined], ...more] = Object.entries(object);
  const schema = TESTS.get(name);
  if (!schema || more.length > 0) {
    context.addIssue(`must have exactly one of ${[...TESTS.keys()].join(', ')}`);
    return z.NEVER;
  }
  const result = schema.safeParse(value);
  if (result.success) return { test: result.data };
  for (const { path, message } of result.error.issues) {
    context.addIssue({ code: 'custom', message, path: [name, ...path] });
  }
  return z.NEVER;
});

/** Applies the parser of an option to JSON. */
function like<T>(parse: (text: string) => T) {
  return z.string().transform((text, context) => {
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error;
      context.addIssue(error.message);
      return z.NEVER;
    }
  });
}

const side = z
  .enum(['SIDE_DEBIT', 'SIDE_CREDIT'])
  .optional()
  .transform((name) => {
    if (name === undefined) return Side.UNSPECIFIED;
    return name === 'SIDE_DEBIT' ? Side.DEBIT : Side.CREDIT;
  });
const account = z.strictObject({ accountId: int64, side });
const metadata = z
  .strictObject({ name: z.string(), value: z.string().optional() })
  .transform(({ name, value }) => ({ name, value }));
const instant = like(parseInstant).optional();
const time = z
  .strictObject({ from: instant, to: instant })
  .transform(({ from, to }) => ({ from, to }));
const filters = z.strictObject({ filters: z.array(filter).min(1) });

const TESTS: ReadonlyMap<string, z.ZodType<Filter['test']>> = new Map(
  Object.entries<z.ZodType<Filter['test']>>({
    account: account.transform((value) => ({ $case: 'account', value })),
    code: z.int32().transform((value) => ({ $case: 'code', value })),
    holdId: z.string().transform((value) => ({ $case: 'holdId', value })),
    reversalOf: z.string().transform((value) => ({ $case: 'reversalOf', value })),
    reference: z.string().transform((value) => ({ $case: 'reference', value })),
    metadata: metadata.transform((value) => ({ $case: 'metadata', value })),
    time: time.transform((value) => ({ $case: 'time', value })),
    status: like(parseStatus).transform((value) => ({ $case: 'status', value })),
    allOf: filters.transform((value) => ({ $case: 'allOf', value })),
    anyOf: filters.transform((value) => ({ $case: 'anyOf', value })),
    noneOf: filter.transform((value) => ({ $case: 'noneOf', value })),
  }),
);
