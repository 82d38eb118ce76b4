import type { Permission } from '../../../proto/gen/meridian/v1/permission.ts';
import { type Identity, identityPath, parsePath } from '../tls/identity.ts';
import { type GrantedRole, roleHas } from './roles.ts';

/** Roles of the callers whose identity has a form. */
export interface Grant {
  /** The path of an identity, with `*` for any name: `tenant/shop/service/*`. */
  readonly identity: string;
  readonly roles: readonly GrantedRole[];
}

/** Who has which roles at the routers of an installation. What is not granted is denied. */
export class Policy {
  readonly grants: readonly Grant[];
  /** A connection has one identity for all of its calls. */
  readonly #rolesOf = new WeakMap<Identity, readonly GrantedRole[]>();
  /** SHA-256 of the text that it was made of, in hexadecimal. */
  readonly hash: string;

  constructor(grants: readonly Grant[], hash: string) {
    this.grants = grants;
    this.hash = hash;
  }

  permits(caller: Identity, permission: Permission): boolean {
    let roles = this.#rolesOf.get(caller);
    if (roles === undefined) {
      roles = this.rolesOf(caller);
      this.#rolesOf.set(caller, roles);
    }
    return roles.some((role) => roleHas(role, permission));
  }

  /** All roles of a caller, in the order of the grants. */
  rolesOf(caller: Identity): GrantedRole[] {
    const names = identityPath(caller).split('/');
    const fitting = this.grants.filter(({ identity }) => fits(identity.split('/'), names));
    return [...new Set(fitting.flatMap(({ roles }) => roles))];
  }
}

const fits = (form: readonly string[], names: readonly string[]): boolean =>
  form.length === names.length &&
  form.every((part, place) => part === '*' || part === names[place]);

/** Why roles cannot be granted to identities of a form; undefined if they can. */
export function formProblem(form: string): string | undefined {
  const example = parsePath(form.replaceAll(/(?<=\/)\*(?=\/|$)/gu, 'any'));
  if (example === undefined) {
    return (
      'must be tenant/TENANT/service/SERVICE, operator/NAME or auditor/NAME, in which "*" stands ' +
      'for any one name'
    );
  }
  if (example.kind === 'router' || example.kind === 'ledger') {
    return 'servers have their roles by their certificates: they cannot be granted others';
  }
  return undefined;
}
