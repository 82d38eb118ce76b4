import { createHash } from 'node:crypto';
import { z } from 'zod';
import { formProblem, Policy } from '../../ledger/rpc/access/policy.ts';
import { GRANTED_ROLES } from '../../ledger/rpc/access/roles.ts';
import { ConfigError, type Problem, suggestion } from '../config/problem.ts';
import { parseYaml } from '../config/yaml-source.ts';

/** The text of a policy file. */

const grant = z.strictObject({
  identity: z.string('must be a text such as tenant/shop/service/*').check((context) => {
    const message = formProblem(context.value);
    if (message !== undefined)
      context.issues.push({ code: 'custom', message, input: context.value });
  }),
  roles: z
    .array(
      z.enum(GRANTED_ROLES, {
        error: ({ input }) => {
          const close = typeof input === 'string' ? suggestion(input, GRANTED_ROLES) : '';
          return `must be one of ${GRANTED_ROLES.join(', ')}${close}`;
        },
      }),
      'must be a list of roles',
    )
    .min(1, 'must name a role'),
});
const file = z.strictObject({ grants: z.array(grant, 'must be a list') });

/**
 * The policy of a text.
 *
 * @param path of the file, for the errors
 * @throws ConfigError with everything that is wrong with it
 */
export function parsePolicy(text: string, path: string): Policy {
  const { value, problems, lineOf } = parseYaml(text);
  if (problems.length > 0) throw new ConfigError(path, problems);
  const found = file.safeParse(value);
  if (found.success) {
    return new Policy(found.data.grants, createHash('sha256').update(text).digest('hex'));
  }
  throw new ConfigError(
    path,
    found.error.issues.map((issue): Problem => {
      const at = issue.path.filter((part) => typeof part !== 'symbol');
      return { path: at.join('.'), line: lineOf(at), message: issue.message };
    }),
  );
}
