import postgres from 'postgres';
import { CommitInDoubt } from '../store-error.ts';

/**
 * True if the journal refused a row because its id, or the external id of an account, is there
 * already. Nothing of the batch was applied.
 */
export function isKnownId(error: unknown): boolean {
  return error instanceof postgres.PostgresError && error.code === '23505';
}

/** True if another session created the same object at the same moment. */
export function isCreatedMeanwhile(error: unknown): boolean {
  const codes = ['23505', '42710', '42P07'];
  return error instanceof postgres.PostgresError && codes.includes(error.code);
}

/**
 * True if the database itself reported that the statement failed: it was rolled back, and nothing
 * of it was applied. Anything else (a lost connection above all) leaves the outcome unknown.
 * Class 57 is left out: a server that shuts down may have committed before it reported that.
 */
export function isRolledBack(error: unknown): boolean {
  return error instanceof postgres.PostgresError && !error.code.startsWith('57');
}

/** True if the database takes no writes, because it follows another: nothing was applied. */
export function isReadOnly(error: unknown): boolean {
  return error instanceof postgres.PostgresError && error.code === '25006';
}

/** True if a table does not exist: the database was never migrated. */
export function isMissingTable(error: unknown): boolean {
  return error instanceof postgres.PostgresError && error.code === '42P01';
}

/** One line for a log: code and message, never parameters. */
export function describe(error: unknown): string {
  if (error instanceof postgres.PostgresError) return `${error.code} ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}

/** Codes of the driver when a connection is lost, refused by its other side, or closed. */
const DRIVER_CODES: ReadonlySet<string> = new Set([
  'CONNECTION_CLOSED',
  'CONNECTION_DESTROYED',
  'CONNECTION_ENDED',
  'CONNECT_TIMEOUT',
]);

/** Codes of a socket or the name resolver. */
const NETWORK_CODES: ReadonlySet<string> = new Set(
  (
    'ECONNABORTED ECONNREFUSED ECONNRESET EPIPE ETIMEDOUT ENOTCONN EHOSTDOWN EHOSTUNREACH ' +
    'ENETDOWN ENETRESET ENETUNREACH EADDRNOTAVAIL EAI_AGAIN EAI_FAIL EAI_NODATA EAI_NONAME ' +
    'ENOTFOUND ERR_SOCKET_CLOSED ERR_SOCKET_CLOSED_BEFORE_CONNECTION ' +
    'ERR_SOCKET_CONNECTION_TIMEOUT ERR_STREAM_DESTROYED ERR_STREAM_WRITE_AFTER_END ' +
    'ERR_STREAM_PREMATURE_CLOSE'
  ).split(' '),
);

/** What else may keep a socket from being opened: no such path, no permission, no descriptors. */
const CONNECT_CODES: ReadonlySet<string> = new Set(
  'ENOENT EACCES EPERM EMFILE ENFILE ENOBUFS ENOMEM EAGAIN'.split(' '),
);

/**
 * True for errors of Postgres, and for a connection to it that the driver, a socket or the name
 * resolver reports as failed. Anything else, with a code or without, is a bug of ours and must
 * end the process rather than be tried again.
 */
export function isDatabaseError(error: unknown): boolean {
  if (error instanceof postgres.PostgresError || error instanceof CommitInDoubt) return true;
  // A bug may carry a code too: Node gives one to each TypeError and RangeError of its own.
  if (!(error instanceof Error) || error instanceof TypeError || error instanceof RangeError) {
    return false;
  }
  // One for each address of a host that was tried.
  if (error instanceof AggregateError && error.errors.length > 0) {
    return error.errors.every(isDatabaseError);
  }
  if (!('code' in error) || typeof error.code !== 'string') return false;
  if (DRIVER_CODES.has(error.code) || NETWORK_CODES.has(error.code)) return true;
  const connecting = 'syscall' in error && error.syscall === 'connect';
  return connecting && CONNECT_CODES.has(error.code);
}
