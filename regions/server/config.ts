import { z } from 'zod';
import type { LedgerTuning } from '../../ledger/ledger-tuning.ts';
import type { RouterTuning } from '../../router/router-tuning.ts';
import { ledgerSettings, routerSettings, type ServerSettings } from '../config/server-settings.ts';

/**
 * What the two server processes read from their environment, and the only reader of it: their
 * place in the installation, in the schemas below, and their settings, of which
 * regions/config/settings.ts is the list. A missing or malformed variable is named in the error.
 * docs/configuration.md lists them for operators.
 */

const address = z
  .string()
  .regex(/^[^\s:]+:\d{1,5}$/u, 'must be HOST:PORT')
  .describe('HOST:PORT');

const addresses = z
  .string()
  .transform((text) => text.split(',').filter((part) => part !== ''))
  .pipe(z.array(address));

const file = z.string().regex(/^[^\0]+$/u, 'must be the path of a file');

/** A number as text, because a setting that is missing would be read as the number NaN. */
const bookNumber = z
  .string()
  .regex(/^\d{1,5}$/u, 'must be a whole number')
  .transform(Number)
  .pipe(z.int().min(1).max(32767));

const name = z.string().regex(/^[a-z][a-z0-9-]{0,39}$/u, 'must be a name such as eu-west-1');

const book = z
  .string()
  .regex(/^\d{1,5}:[^:]+:[^:]+$/u, 'must be NUMBER:NAME:REGION')
  .transform((text) => {
    const [number, bookName, region] = text.split(':');
    return { number: Number(number), name: bookName, region };
  })
  .pipe(z.object({ number: z.int().min(1).max(32767), name, region: name }));

const books = z
  .string()
  .transform((text) => text.split(','))
  .pipe(z.array(book).min(1));

const common = {
  MERIDIAN_REGION: name,
  MERIDIAN_LISTEN: address,
  /** A file in PEM: the certificate of the server, those between it and an authority, the key. */
  MERIDIAN_TLS_CERTIFICATE: file.optional(),
  /** The key, if it is in a file of its own. */
  MERIDIAN_TLS_KEY: file.optional(),
  /** A file in PEM: the authorities whose certificates are accepted. */
  MERIDIAN_TLS_AUTHORITIES: file.optional(),
  /** True: nothing is encrypted or authenticated. Only on an address of this host alone. */
  MERIDIAN_INSECURE: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true'),
  /** Addresses of every ledger server of every region, this one included. */
  MERIDIAN_LEDGERS: addresses,
  /** Every book there is, as NUMBER:NAME:REGION, such as 1:eu-west-1:eu-west. */
  MERIDIAN_BOOKS: books,
};

export const ledgerSchema = z.object({
  ...common,
  /** Number of the book that this server leads or is a standby of; one of MERIDIAN_BOOKS. */
  MERIDIAN_BOOK: bookNumber,
  MERIDIAN_DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/u }),
  /** Where the other servers reach this one, as MERIDIAN_LEDGERS names it; unset: MERIDIAN_LISTEN. */
  MERIDIAN_ADVERTISE: address.optional(),
  /** True: every server of the book has its own copy, and leads if that copy is the primary. */
  MERIDIAN_REPLICATED: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true'),
  /** Unset: known keys are looked up in the journal only. */
  MERIDIAN_REDIS_URL: z.url({ protocol: /^rediss?$/u }).optional(),
});

export const routerSchema = z.object({
  ...common,
  /** A file in YAML: who may do what. Required with a certificate. */
  MERIDIAN_POLICY: file.optional(),
  /**
   * Base URLs of the members of etcd, that of the own region first. Unset: a router is never
   * drained.
   */
  MERIDIAN_ETCD: z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(z.url({ protocol: /^https?$/u })).min(1))
    .optional(),
});

/** `tuning` and `logLevel` are settings; the rest is the place of the server. */
export type LedgerConfig = z.infer<typeof ledgerSchema> & Settings<LedgerTuning>;
export type RouterConfig = z.infer<typeof routerSchema> & Settings<RouterTuning>;

type Settings<Tuning> = Pick<ServerSettings<Tuning>, 'logLevel' | 'tuning'>;
/** Throws an Error whose message names every variable that is wrong, one a line. */
function parse<Place, Tuning>(
  schema: z.ZodType<Place>,
  { problems, ...settings }: ServerSettings<Tuning>,
  env: NodeJS.ProcessEnv,
): Place & Settings<Tuning> {
  const result = schema.safeParse(env);
  if (result.success && problems.length === 0) return { ...result.data, ...settings };
  const lines = (result.error?.issues ?? []).map(({ path, message }) => {
    const missing = env[String(path[0])] === undefined;
    return `${path.join('.')}: ${missing ? 'is required and not set' : message}`;
  });
  throw new Error(`the configuration is wrong\n  ${[...lines, ...problems].join('\n  ')}`);
}

export const ledgerConfig = (env: NodeJS.ProcessEnv): LedgerConfig =>
  parse(ledgerSchema, ledgerSettings(env), env);
export const routerConfig = (env: NodeJS.ProcessEnv): RouterConfig =>
  parse(routerSchema, routerSettings(env), env);
