import type { FieldViolation } from './validate.ts';

/** What is wrong if only some requests of a call are dry runs. */
export function validateDryRun(
  requests: readonly { readonly dryRun: boolean }[],
  name: string,
): FieldViolation[] {
  const other = requests.findIndex(({ dryRun }) => dryRun !== requests[0]?.dryRun);
  if (other < 0) return [];
  const description = `must be the same for all ${name} of a call`;
  return [{ field: `${name}[${other}].dry_run`, description }];
}
