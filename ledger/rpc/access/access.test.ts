import { expect, test } from 'vitest';
import { Permission } from '../../../proto/gen/meridian/v1/permission.ts';
import { type Identity, parseIdentity } from '../tls/identity.ts';
import { must } from '../../core/assert.ts';
import { ledgerAccess } from './access.ts';
import { ownPaths, permissionOf } from './permissions.ts';
import { formProblem, Policy } from './policy.ts';
import { GRANTED_ROLES, roleHas, ROLES } from './roles.ts';

const identity = (path: string): Identity =>
  must(parseIdentity(`spiffe://meridian.local/${path}`), `${path} is an identity`);

/** Method by method: the roles that may call it. */
const MATRIX: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'v1.LedgerService': {
    'payer administrator auditor operator reader': 'ListAssets ListBooks',
    'payer administrator auditor reader':
      'GetAccount GetAccounts FindAccounts GetTransfer GetTransfers ListEntries GetStatement',
    'administrator auditor reader': 'ListAccounts ListTransfers Subscribe',
    payer: 'CreateTransfer CreateTransfers StreamTransfers',
    administrator: 'OpenAccount OpenAccounts ChangeAccount RegisterAsset',
  },
  'internal.v1.BookService': {
    router:
      'Post OpenAccounts PlaceAccounts LocateAccount GetAccount FindAccounts ListAccounts ' +
      'GetTransfer ListEntries GetAccounts GetTransfers ListTransfers GetStatement Subscribe ' +
      'ChangeAccount RegisterAsset ListAssets DryRun',
    ledger: 'DryRunLegs Settle CompareChannel ListLegs',
    operator: 'RepairChannel',
    'operator router ledger': 'WatchTopology',
  },
};

/** Each method as SERVICE/METHOD, with the roles that may call it. */
const cells = Object.entries(MATRIX).flatMap(([service, rows]) =>
  Object.entries(rows).flatMap(([roles, methods]) =>
    methods
      .split(' ')
      .map((method) => [`/meridian.${service}/${method}`, roles.split(' ')] as const),
  ),
);

test('every method declares its permission, and is in the matrix', () => {
  expect(ownPaths.filter((path) => permissionOf(path) === Permission.UNSPECIFIED)).toEqual([]);
  expect(cells.map(([path]) => path).toSorted()).toEqual(ownPaths.toSorted());
  expect(permissionOf('/meridian.v1.LedgerService/Unknown')).toBe(Permission.UNSPECIFIED);
});

test.each(cells)('%s may be called in the roles %j alone', (path, roles) => {
  const permission = permissionOf(path);
  const found = Object.keys(ROLES).filter((role) => roles.includes(role));
  expect(found).toHaveLength(roles.length);
  for (const role of GRANTED_ROLES) {
    expect([role, roleHas(role, permission)]).toEqual([role, roles.includes(role)]);
    const policy = new Policy([{ identity: 'tenant/shop/service/*', roles: [role] }], '');
    const isPermitted = policy.permits(identity('tenant/shop/service/checkout'), permission);
    expect([role, isPermitted]).toEqual([role, roles.includes(role)]);
  }
});

test.each(cells.filter(([path]) => path.includes('.internal.')))(
  '%s of a ledger server is for the roles %j',
  (path, roles) => {
    for (const [caller, role] of [
      ['region/eu-west/router', 'router'],
      ['region/eu-west/ledger', 'ledger'],
      ['operator/anna', 'operator'],
      ['auditor/anna', ''],
      ['tenant/shop/service/checkout', ''],
    ] as const) {
      const isAdmitted = ledgerAccess.admits(identity(caller), path);
      expect([caller, isAdmitted]).toEqual([caller, roles.includes(role)]);
    }
  },
);

test('a role that is nowhere granted permits nothing, nor does no permission', () => {
  for (const role of GRANTED_ROLES) expect(roleHas(role, Permission.UNSPECIFIED)).toBe(false);
  const policy = new Policy([{ identity: 'tenant/*/service/feed', roles: ['reader'] }], '');
  expect(policy.rolesOf(identity('tenant/shop/service/feed'))).toEqual(['reader']);
  for (const other of ['tenant/shop/service/feeds', 'operator/feed', 'region/feed/router']) {
    expect(policy.rolesOf(identity(other))).toEqual([]);
  }
});

test('forms of identities that can be granted roles', () => {
  for (const form of [
    'tenant/*/service/*',
    'tenant/shop/service/*',
    'operator/*',
    'auditor/anna',
  ]) {
    expect(formProblem(form)).toBeUndefined();
  }
  for (const form of ['*', 'tenant/shop', 'tenant/shop*/service/a', '*/anna', 'operator/a/b', '']) {
    expect(formProblem(form)).toMatch(/must be tenant/u);
  }
  expect(formProblem('region/*/ledger')).toMatch(/servers have their roles/u);
});
