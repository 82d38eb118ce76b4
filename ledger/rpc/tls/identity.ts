/** Who a certificate names: its only SPIFFE URI, `spiffe://TRUST-DOMAIN/PATH`. */

/** What a server of a region is. */
export type ServerRole = 'router' | 'ledger';

export type Identity = { readonly trustDomain: string } & (
  | { readonly kind: ServerRole; readonly region: string }
  | { readonly kind: 'service'; readonly tenant: string; readonly service: string }
  | { readonly kind: 'operator' | 'auditor'; readonly name: string }
);

/** A name in a path: what is a region, a tenant, a service, an operator or an auditor. */
const NAME = '[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?';
const TRUST_DOMAIN = /^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/u;

const PATHS: readonly {
  readonly pattern: RegExp;
  readonly read: (...names: string[]) => PathIdentity;
}[] = [
  {
    pattern: new RegExp(`^region/(${NAME})/(router|ledger)$`, 'u'),
    read: (region = '', role) => ({ kind: role === 'router' ? 'router' : 'ledger', region }),
  },
  {
    pattern: new RegExp(`^tenant/(${NAME})/service/(${NAME})$`, 'u'),
    read: (tenant = '', service = '') => ({ kind: 'service', tenant, service }),
  },
  {
    pattern: new RegExp(`^(operator|auditor)/(${NAME})$`, 'u'),
    read: (kind, name = '') => ({ kind: kind === 'operator' ? 'operator' : 'auditor', name }),
  },
];

type WithoutDomain<Whole> = Whole extends unknown ? Omit<Whole, 'trustDomain'> : never;
/** An identity without its trust domain. */
export type PathIdentity = WithoutDomain<Identity>;

/** The forms of a path, for error messages. */
export const identityForms =
  'region/REGION/router, region/REGION/ledger, tenant/TENANT/service/SERVICE, operator/NAME or auditor/NAME';

/** True for a name of an installation: lower-case letters, digits, dots, hyphens, at most 63. */
export function isTrustDomain(text: string): boolean {
  return TRUST_DOMAIN.test(text);
}

/** What a path such as `region/eu-west/router` names; undefined: it has none of the forms. */
export function parsePath(path: string): PathIdentity | undefined {
  for (const { pattern, read } of PATHS) {
    const found = pattern.exec(path);
    if (found !== null) return read(...found.slice(1));
  }
  return undefined;
}

/** What a URI names; undefined: it is no SPIFFE URI that has one of the forms. */
export function parseIdentity(uri: string): Identity | undefined {
  const [, trustDomain = '', path = ''] = /^spiffe:\/\/([^/]+)\/(.+)$/u.exec(uri) ?? [];
  const identity = parsePath(path);
  if (identity === undefined || !isTrustDomain(trustDomain)) return undefined;
  return { ...identity, trustDomain };
}

/** The path of an identity, such as `operator/anna`. */
export function identityPath(identity: PathIdentity): string {
  switch (identity.kind) {
    case 'router':
    case 'ledger':
      return `region/${identity.region}/${identity.kind}`;
    case 'service':
      return `tenant/${identity.tenant}/service/${identity.service}`;
    case 'operator':
    case 'auditor':
      return `${identity.kind}/${identity.name}`;
  }
}

export function identityUri(identity: Identity): string {
  return `spiffe://${identity.trustDomain}/${identityPath(identity)}`;
}
