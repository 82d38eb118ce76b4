import { Permission } from '../../../proto/gen/meridian/v1/permission.ts';

const { PAY, OPEN, READ, SEARCH, CHANGE, REGISTER, DISCOVER, ROUTE, SETTLE, WATCH, REPAIR } =
  Permission;

/** What each role permits. */
export const ROLES = {
  /** Moves money, and reads what it can name. */
  payer: [PAY, READ, DISCOVER],
  /** Reads and follows all accounts and transfers. */
  reader: [READ, SEARCH, DISCOVER],
  /** The same, for those who check the books. */
  auditor: [READ, SEARCH, DISCOVER],
  /** Opens, limits, freezes and closes accounts, and registers assets. */
  administrator: [OPEN, CHANGE, REGISTER, READ, SEARCH, DISCOVER],
  /** Keeps the installation running: moves no money, and reads no account. */
  operator: [DISCOVER, WATCH, REPAIR],
  /** The routers of the installation. */
  router: [ROUTE, WATCH],
  /** Its ledger servers. */
  ledger: [SETTLE, WATCH],
} as const satisfies Record<string, readonly Permission[]>;

export type Role = keyof typeof ROLES;

/** Those that a policy can grant: servers have theirs by their certificates alone. */
export const GRANTED_ROLES = ['payer', 'reader', 'auditor', 'administrator', 'operator'] as const;
export type GrantedRole = (typeof GRANTED_ROLES)[number];

export function roleHas(role: Role, permission: Permission): boolean {
  const permitted: readonly Permission[] = ROLES[role];
  return permitted.includes(permission);
}
