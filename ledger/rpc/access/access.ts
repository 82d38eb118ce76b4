import type { Identity } from '../tls/identity.ts';
import { permissionOf } from './permissions.ts';
import { roleHas } from './roles.ts';

/** Which callers may call which methods of a server. */
export interface Access {
  /** Whether a caller of the own installation may call the method at a path. */
  readonly admits: (caller: Identity, path: string) => boolean;
  /** Calls back when that may have changed. Returns how to stop it. */
  readonly onChange: (listener: () => void) => () => void;
}

/**
 * Access to a ledger server: of the routers and ledger servers of its installation, and of operators
 * to what they do with it themselves. Callers of the public API come through a router.
 */
export const ledgerAccess: Access = {
  admits: ({ kind }, path) => {
    const isServer = kind === 'router' || kind === 'ledger';
    return (isServer || kind === 'operator') && roleHas(kind, permissionOf(path));
  },
  onChange: () => () => undefined,
};
