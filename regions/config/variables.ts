import { variableOf } from './setting.ts';
import { settings } from './settings.ts';

/**
 * The variables of the environment that are no settings: the place of a server in the
 * installation, which its supervisor knows, and what commands read. docs/configuration.md
 * describes them.
 */
const VARIABLES: Readonly<Record<string, 'plain' | 'url' | 'secret'>> = {
  MERIDIAN_ADVERTISE: 'plain',
  MERIDIAN_AUDITOR_PASSWORD: 'secret',
  MERIDIAN_BOOK: 'plain',
  MERIDIAN_BOOKS: 'plain',
  MERIDIAN_CONFIG: 'plain',
  MERIDIAN_DATABASE_URL: 'url',
  MERIDIAN_ETCD: 'plain',
  MERIDIAN_INSECURE: 'plain',
  MERIDIAN_LEDGERS: 'plain',
  MERIDIAN_LEDGER_PASSWORD: 'secret',
  MERIDIAN_LISTEN: 'plain',
  MERIDIAN_NO_INSTALL: 'plain',
  MERIDIAN_POLICY: 'plain',
  MERIDIAN_REDIS_URL: 'url',
  MERIDIAN_REGION: 'plain',
  MERIDIAN_REPLICATED: 'plain',
  MERIDIAN_ROUTER: 'plain',
  MERIDIAN_TLS_AUTHORITIES: 'plain',
  MERIDIAN_TLS_CERTIFICATE: 'plain',
  MERIDIAN_TLS_KEY: 'plain',
};

/** Every variable that Meridian reads. */
export const variableNames: readonly string[] = [
  ...Object.keys(VARIABLES),
  ...settings.map(({ key }) => variableOf(key)),
];

const MASK = '****';

/** A variable that is set and is no setting, with every secret masked. */
export interface SetVariable {
  readonly name: string;
  readonly value: string;
}

export function setVariables(env: Readonly<Record<string, string | undefined>>): SetVariable[] {
  return Object.entries(VARIABLES).flatMap(([name, kind]) => {
    const value = env[name];
    if (value === undefined) return [];
    if (kind === 'secret') return [{ name, value: MASK }];
    return [{ name, value: kind === 'url' ? maskedUrl(value) : value }];
  });
}

/** A text that is no URL may hold a secret anywhere. */
function maskedUrl(text: string): string {
  if (!URL.canParse(text)) return MASK;
  const url = new URL(text);
  if (url.password !== '') url.password = MASK;
  for (const name of new Set(url.searchParams.keys())) {
    if (/pass|secret|key/iu.test(name)) url.searchParams.set(name, MASK);
  }
  return url.href;
}

/** Variables of settings that are set and that Meridian does not know: their names are misspelt. */
export function unknownVariables(env: Readonly<Record<string, string | undefined>>): string[] {
  const known = new Set(variableNames);
  const groups = /^MERIDIAN_(?:LEDGER|ROUTER|SUPERVISOR)_/u;
  return Object.keys(env).filter((name) => groups.test(name) && !known.has(name));
}
