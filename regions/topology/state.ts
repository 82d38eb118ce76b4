import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../processes/atomic-file.ts';
import {
  canonicalPath,
  deleteOwnEntries,
  explainAccess,
  openDataDir,
  removeIfEmpty,
  withStartLock,
} from './data-dir.ts';
import { stopLeftovers } from '../processes/leftovers.ts';
import { writeAuditorPassfile } from './passfile.ts';
import { noteInsecure, noteSecured } from '../links/secured-addresses.ts';
import { isRunning, processIdentity } from '../processes/process-identity.ts';
import { isDataDir, requireGrowth, reserveFolders } from './topology-record.ts';
import type { Topology } from './topology.ts';

/**
 * cluster.json: what the running cluster is and where. It is also the lock of the data folder:
 * the process it names, if running, has the folder. A pid together with its start time needs no
 * heartbeat, so a supervisor that is suspended for an hour still has it, and one that was killed
 * with SIGKILL has lost it at once.
 */

const processRecord = z.object({
  name: z.string(),
  state: z.enum(['starting', 'ready', 'restarting', 'backing-off', 'stopped']),
  pid: z.number().int().optional(),
  starts: z.number().int(),
  logFile: z.string(),
});

const regionRecord = z.object({
  name: z.string(),
  book: z.number().int(),
  bookName: z.string(),
  routerAddress: z.string(),
  ledgerAddress: z.string(),
  adminUrl: z.string(),
  ledgerUrl: z.string(),
  auditorUrl: z.string(),
  redisUrl: z.string().optional(),
});

/**
 * A book where it is at home. Its addresses are those of the embedded profile, or of its copy in
 * the home region.
 */
const bookRecord = z.object({
  number: z.number().int(),
  name: z.string(),
  region: z.string(),
  /** The process that serves it, such as eu-west/ledger. */
  process: z.string(),
  ledgerAddress: z.string(),
  adminUrl: z.string(),
  ledgerUrl: z.string(),
  auditorUrl: z.string(),
});

/** One copy of a book in the replicated profile; the addresses are those that operators use. */
const memberRecord = z.object({
  /** Patroni's name of it, such as eu-west-1-in-us-east. */
  name: z.string(),
  book: z.number().int(),
  bookName: z.string(),
  home: z.string(),
  region: z.string(),
  /** Base URL of its Patroni REST API. */
  patroniUrl: z.string(),
  ledgerAddress: z.string(),
  adminUrl: z.string(),
  ledgerUrl: z.string(),
  auditorUrl: z.string(),
});

/** The additional state of the replicated profile. */
const replicatedRecord = z.object({
  members: z.array(memberRecord),
  /** Base URLs of the members of etcd, by region. */
  etcd: z.array(z.object({ region: z.string(), url: z.string() })),
  /** Login of the Patroni REST API. */
  patroniAuth: z.object({ username: z.string(), password: z.string() }),
});

const clusterState = z.object({
  /** Of the supervisor. SIGTERM to it stops the cluster in order. */
  pid: z.number().int(),
  identity: z.string(),
  status: z.enum(['starting', 'ready', 'stopping']),
  startedAt: z.string(),
  dataDir: z.string(),
  /** Its servers have TLS, with certificates of the authority in `pki` of the data folder. */
  tls: z.boolean().default(false),
  basePort: z.number().int(),
  regions: z.array(regionRecord),
  /** By number. */
  books: z.array(bookRecord),
  processes: z.array(processRecord),
  links: z.array(z.object({ from: z.string(), to: z.string(), port: z.number().int() })),
  /** Path of the supervisor's control socket, see control.ts. */
  controlSocket: z.string(),
  /** Undefined: the embedded profile. */
  replicated: replicatedRecord.optional(),
});

export type ClusterState = z.infer<typeof clusterState>;
/** Where one region is: addresses, and URLs that contain passwords. */
export type RegionState = z.infer<typeof regionRecord>;
export type BookEndpoints = z.infer<typeof bookRecord>;
export type MemberState = z.infer<typeof memberRecord>;
export type ReplicatedState = z.infer<typeof replicatedRecord>;

const statePath = (root: string) => join(root, 'cluster.json');

/**
 * The cluster that runs in this data folder; undefined when none does, even if a killed one left
 * its file. Throws when the file may not be read by this user.
 */
export function readState(dataDir: string): ClusterState | undefined {
  const root = canonicalPath(dataDir);
  let text: string;
  try {
    if (!existsSync(statePath(root))) return undefined;
    text = readFileSync(statePath(root), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw explainAccess(error, root);
  }
  try {
    const state = clusterState.parse(JSON.parse(text));
    if (!isRunning(state.pid, state.identity)) return undefined;
    noteServers(state);
    return state;
  } catch (error) {
    throw new Error(`${statePath(root)} is damaged; stop Meridian and delete this file`, {
      cause: error,
    });
  }
}

/** Notes how the servers are reached. */
function noteServers({ tls, dataDir, regions, books, links, replicated }: ClusterState): void {
  const addresses = [
    ...regions.map(({ routerAddress }) => routerAddress),
    ...[...regions, ...books, ...(replicated?.members ?? [])].map((one) => one.ledgerAddress),
    ...links.map(({ port }) => `127.0.0.1:${port}`),
  ];
  if (tls) noteSecured(addresses, join(dataDir, 'pki'));
  else noteInsecure(addresses);
}

/** Writes cluster.json as a whole, and the password file for the databases that it names. */
export function writeState(root: string, state: ClusterState): void {
  const databases = [...state.books, ...(state.replicated?.members ?? [])];
  writeAuditorPassfile(
    root,
    databases.map(({ auditorUrl }) => auditorUrl),
  );
  writeFileAtomic(statePath(root), `${JSON.stringify(state, undefined, 2)}\n`);
}

/** Removes cluster.json: the folder is free again. */
export function clearState(root: string): void {
  rmSync(statePath(root), { force: true });
}

/** The identity of this process. */
export function ownIdentity(): string {
  return processIdentity(process.pid) ?? 'unknown';
}

function refuseIfRunning(root: string): void {
  const running = readState(root);
  if (running === undefined) return;
  throw new Error(
    `Meridian is running already with the data in ${root} (pid ${running.pid}); ` +
      'stop it with "meridian down", or choose another folder with --data',
  );
}

export interface Claim {
  readonly root: string;
  readonly run: string;
  readonly logs: string;
  /** Processes of a killed predecessor that had to be stopped. */
  readonly leftovers: readonly string[];
}

/**
 * Takes the data folder for this process: makes it if need be, refuses if a cluster runs in it or
 * its data is of a topology that `topology` cannot follow, stops what a killed predecessor left
 * running, runs `check`, writes the first cluster.json.
 */
export async function claimDataDir(
  dataDir: string,
  topology: Topology,
  check: () => Promise<void>,
  state: (root: string) => ClusterState,
): Promise<Claim> {
  const paths = openDataDir(dataDir);
  return withStartLock(paths.root, async () => {
    refuseIfRunning(paths.root);
    requireGrowth(paths.root, topology);
    const leftovers = await stopLeftovers(paths.run);
    await check();
    reserveFolders(paths.root, topology.regions);
    writeState(paths.root, state(paths.root));
    return { ...paths, leftovers };
  });
}

/**
 * Deletes all data of the cluster in `dataDir`; the folder need not exist.
 * Throws when it is not a Meridian data folder, and when the cluster is running. Files that are
 * not Meridian's stay where they are.
 */
export async function removeData(dataDir: string): Promise<void> {
  const root = canonicalPath(dataDir);
  if (!existsSync(root)) return;
  if (!isDataDir(root)) {
    throw new Error(`${root} is not a Meridian data folder, so nothing in it was deleted`);
  }
  await withStartLock(root, async () => {
    refuseIfRunning(root);
    await stopLeftovers(join(root, 'run'));
    deleteOwnEntries(root);
  });
  removeIfEmpty(root);
}
