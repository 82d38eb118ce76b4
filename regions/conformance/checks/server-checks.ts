import { LOCKS_PER_TRANSACTION } from '../../../ledger/postgres/data-directory.ts';
import { partitionsWithin } from '../../../ledger/store/lock-room.ts';
import type { Sql } from '../../../ledger/store/postgres/connect.ts';
import { PostgresPartitions } from '../../../ledger/store/postgres/partitions.ts';
import { REPLICATED_CONNECTIONS } from '../../config/rules.ts';
import { type DatabaseCheck, Lack, type Passed } from '../finding.ts';

const OLDEST = 150_000;
const CLOCK_ADVICE_MS = 1_000;

async function settingOf(sql: Sql, name: string): Promise<string | undefined> {
  const [row] = await sql<{ value: string | null }[]>`
    SELECT current_setting(${name}, true) AS value`;
  return row?.value ?? undefined;
}

async function version(sql: Sql): Promise<Passed> {
  const number = Number(await settingOf(sql, 'server_version_num'));
  const [row] = await sql<{ text: string }[]>`SELECT version() AS text`;
  const text = (row?.text ?? 'unknown').split(',')[0] ?? '';
  if (!(number >= OLDEST)) throw new Lack(`${text}: books need Postgres 15 or newer`);
  return { text };
}

/** What statements of the ledger and its schema call, apart from operators. */
const CALLED: Readonly<Record<string, string>> = {
  sha256: `encode(sha256('a'::bytea), 'hex')`,
  gen_random_uuid: 'gen_random_uuid()',
  uuid_send: `string_agg(uuid_send(gen_random_uuid()), ''::bytea)`,
  jsonb: `'{"b":1,"a":2}'::jsonb @> '{"a":2}'::jsonb`,
  regexp_match: `regexp_match('1-2', '(\\d)-(\\d)')`,
  json_array: `to_json(ARRAY[1, 2]::int2[])`,
  bytea: `decode(repeat('00', 32), 'hex')`,
  pg_is_in_recovery: 'pg_is_in_recovery()',
  pg_backend_pid: 'pg_backend_pid()',
  set_config: `set_config('statement_timeout', current_setting('statement_timeout'), true)`,
  pg_try_advisory_xact_lock: 'pg_try_advisory_xact_lock(5646713, 9)',
  clock_timestamp: 'clock_timestamp()',
};

async function functions(sql: Sql): Promise<Passed> {
  const missing: string[] = [];
  for (const [name, expression] of Object.entries(CALLED)) {
    await sql.unsafe(`SELECT ${expression}`).catch(() => missing.push(name));
  }
  if (missing.length > 0) throw new Lack(`it lacks ${missing.join(', ')}`);
  return { text: `${Object.keys(CALLED).length} functions that books call; no extension` };
}

/** Values with which an acknowledged row can be lost by a crash. */
const UNSAFE: Readonly<Record<string, readonly string[]>> = {
  fsync: ['off'],
  full_page_writes: ['off'],
  synchronous_commit: ['off', 'local'],
};

async function durability(sql: Sql): Promise<Passed> {
  const shown: string[] = [];
  const unsafe: string[] = [];
  for (const [name, values] of Object.entries(UNSAFE)) {
    const value = await settingOf(sql, name);
    const text = `${name} = ${value ?? 'unknown'}`;
    shown.push(text);
    if (value !== undefined && values.includes(value)) unsafe.push(text);
  }
  if (unsafe.length > 0) throw new Lack(`${unsafe.join(', ')}: a crash loses what was committed`);
  const advice = shown.some((text) => text.endsWith('unknown'));
  return { text: shown.join(', '), advice };
}

async function standby(sql: Sql): Promise<Passed> {
  const names = ((await settingOf(sql, 'synchronous_standby_names')) ?? '').trim();
  if (names !== '') return { text: `commits wait for ${names}` };
  const text =
    'synchronous_standby_names is empty: unless the engine copies each commit itself, the loss of ' +
    'this server loses what was acknowledged';
  return { text, advice: true };
}

async function clock(sql: Sql): Promise<Passed> {
  const before = Date.now();
  const [row] = await sql<{ micros: bigint }[]>`
    SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8 AS micros`;
  const after = Date.now();
  const offsetMs = Math.round(Number(row?.micros ?? 0n) / 1_000 - (before + after) / 2);
  const advice = Math.abs(offsetMs) > CLOCK_ADVICE_MS + (after - before);
  return { text: `differs from the clock here by ${offsetMs} ms`, figures: { offsetMs }, advice };
}

/** Those that the replicated profile has locks for. */
const PARTITIONS_WANTED = partitionsWithin(LOCKS_PER_TRANSACTION * REPLICATED_CONNECTIONS);

async function locks(sql: Sql): Promise<Passed> {
  const partitions = partitionsWithin(await new PostgresPartitions(sql).lockRoom());
  const setting = await settingOf(sql, 'max_locks_per_transaction');
  if (setting === undefined) return { text: 'no limit that is a setting' };
  const text = `max_locks_per_transaction = ${setting}, enough for a journal of ${partitions} partitions`;
  if (partitions >= PARTITIONS_WANTED) return { text };
  return { text: `${text}: set ${LOCKS_PER_TRANSACTION}`, advice: true };
}

async function tls(sql: Sql): Promise<Passed> {
  const [row] = await sql<{ ssl: boolean }[]>`
    SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()`;
  if (row?.ssl === true) return { text: 'this connection is encrypted' };
  return { text: 'this connection is not encrypted: add ?sslmode=require', advice: true };
}

async function role(sql: Sql): Promise<Passed> {
  const [row] = await sql<{ databases: boolean; roles: boolean; super: boolean }[]>`
    SELECT rolcreatedb AS databases, rolcreaterole AS roles, rolsuper AS super
      FROM pg_roles WHERE rolname = current_user`;
  if (row?.super === true) return { text: 'a superuser' };
  const lacking = [
    ...(row?.databases === true ? [] : ['CREATEDB']),
    ...(row?.roles === true ? [] : ['CREATEROLE']),
  ];
  if (lacking.length === 0) return { text: 'may create databases and roles' };
  throw new Lack(`the role that was given lacks ${lacking.join(' and ')}`);
}

async function writable(sql: Sql): Promise<Passed> {
  const [row] = await sql<{ standby: boolean }[]>`SELECT pg_is_in_recovery() AS standby`;
  if (row?.standby === true) throw new Lack('this server is a standby: check the primary');
  return { text: 'this server takes writes' };
}

/** Asked of the connection that was given; they change nothing. */
export const SERVER_CHECKS: readonly DatabaseCheck<Sql>[] = [
  { name: 'version', run: version },
  { name: 'functions', run: functions },
  { name: 'primary', run: writable },
  { name: 'durability', run: durability },
  { name: 'a second copy', run: standby },
  { name: 'locks', run: locks },
  { name: 'clock', run: clock },
  { name: 'TLS', run: tls },
  { name: 'role', run: role },
];
