import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openDataDir, regionSecrets, withStartLock } from './data-dir.ts';
import {
  claimDataDir,
  clearState,
  type ClusterState,
  ownIdentity,
  readState,
  removeData,
} from './state.ts';
import { recordedTopology, recordTopology, requireSameCopies } from './topology-record.ts';
import { defaultTopology, type Topology } from './topology.ts';
import { topologyOf } from '../testing/topologies.ts';
import { testFolder } from '../testing/folder.ts';

const state = (dataDir: string, over: Partial<ClusterState> = {}): ClusterState => ({
  pid: process.pid,
  identity: ownIdentity(),
  status: 'ready',
  startedAt: new Date().toISOString(),
  dataDir,
  tls: false,
  basePort: 7400,
  regions: [],
  books: [],
  processes: [],
  links: [],
  controlSocket: join(dataDir, 'control.sock'),
  ...over,
});
const claim = (dataDir: string, over?: Partial<ClusterState>) =>
  claimDataDir(
    dataDir,
    defaultTopology,
    () => Promise.resolve(),
    (root) => state(root, over),
  );

test('a folder with other files in it is neither used nor deleted', async () => {
  const folder = testFolder();
  writeFileSync(join(folder, 'thesis.txt'), 'years of work');
  expect(() => openDataDir(folder)).toThrow(/holds files that are not Meridian's \(thesis.txt\)/u);
  await expect(removeData(folder)).rejects.toThrow(/not a Meridian data folder/u);
  expect(readdirSync(folder)).toEqual(['thesis.txt']);
});

test('a file in the place of the folder is named', () => {
  const file = join(testFolder(), 'file');
  writeFileSync(file, '');
  expect(() => openDataDir(file)).toThrow(/is not a folder/u);
});

test.runIf(process.platform === 'linux')('a folder that cannot be created is named', () => {
  expect(() => openDataDir('/proc/meridian/data')).toThrow(
    /^\/proc\/meridian\/data cannot be created/u,
  );
});

test('removing data removes ours and leaves what the user put there', async () => {
  const folder = join(testFolder(), 'data');
  openDataDir(folder);
  mkdirSync(join(folder, 'eu-west', 'postgres'), { recursive: true });
  writeFileSync(join(folder, 'notes.txt'), '');
  await removeData(folder);
  expect(readdirSync(folder)).toEqual(['notes.txt']);
});

test('removing data removes the folder when it was ours alone, and needs none', async () => {
  const folder = join(testFolder(), 'data');
  openDataDir(folder);
  await removeData(folder);
  expect(existsSync(folder)).toBe(false);
  await removeData(folder);
});

test('a running cluster keeps its folder from a second start and from removal', async () => {
  const folder = join(testFolder(), 'data');
  await claim(folder);
  expect(readState(folder)?.pid).toBe(process.pid);
  expect(statSync(join(folder, 'cluster.json')).mode & 0o777).toBe(0o600);
  const running = new RegExp(`running already[^]*pid ${process.pid}\\)`, 'u');
  await expect(claim(folder)).rejects.toThrow(running);
  await expect(removeData(folder)).rejects.toThrow(running);
});

test('a killed supervisor loses its folder even if its pid lives again', async () => {
  const folder = join(testFolder(), 'data');
  await claim(folder, { identity: 'another process with this pid' });
  expect(readState(folder)).toBeUndefined();
  await claim(folder);
  expect(readState(folder)).toBeDefined();
});

test('of many starts at one moment exactly one gets the folder', async () => {
  const folder = join(testFolder(), 'data');
  const results = await Promise.allSettled(Array.from({ length: 8 }, () => claim(folder)));
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
});

test('the start lock is held by one at a time', async () => {
  const { root } = openDataDir(join(testFolder(), 'data'));
  let inside = 0;
  let most = 0;
  const work = async () => {
    inside += 1;
    most = Math.max(most, inside);
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
    inside -= 1;
  };
  await Promise.all([1, 2, 3].map(() => withStartLock(root, work)));
  expect(most).toBe(1);
});

test('secrets are made once and are private, and their loss is detected', () => {
  const { root } = openDataDir(join(testFolder(), 'data'));
  const made = regionSecrets(root, 'eu-west');
  expect(regionSecrets(root, 'eu-west')).toEqual(made);
  expect(regionSecrets(root, 'us-east').ledger).not.toBe(made.ledger);
  expect(statSync(join(root, 'eu-west', 'secrets.json')).mode & 0o777).toBe(0o600);
  writeFileSync(join(root, 'eu-west', 'secrets.json'), '{"postgres":"');
  expect(() => regionSecrets(root, 'eu-west')).toThrow(/is damaged/u);
  mkdirSync(join(root, 'ap-south', 'postgres'), { recursive: true });
  expect(() => regionSecrets(root, 'ap-south')).toThrow(/secrets.json is missing/u);
});

/** Starts, or fails to, with a topology in a folder that no cluster runs in. */
async function claimWith(dataDir: string, topology: Topology, check = () => Promise.resolve()) {
  const { root } = await claimDataDir(dataDir, topology, check, (own) => state(own));
  clearState(root);
  return root;
}

test('a folder takes further books and regions, and no other change, once it has data', async () => {
  const folder = join(testFolder(), 'data');
  const two = topologyOf({ a: 1, b: 1 });
  const root = await claimWith(folder, topologyOf({ z: 3 }));
  // No router has run, so nothing can have been opened.
  expect(recordedTopology(root)).toBeUndefined();
  await claimWith(folder, two);
  recordTopology(root, two);
  expect(recordedTopology(root)).toEqual(two);
  await claimWith(folder, two);
  await expect(claimWith(folder, topologyOf({ a: 1 }))).rejects.toThrow(
    /another topology:\n {2}region b is missing/u,
  );
  await claimWith(folder, topologyOf({ a: 2, b: 1, c: 1 }));
  expect(recordedTopology(root)).toEqual(two);
  recordTopology(root, topologyOf({ a: 2, b: 1 }));
  await expect(claimWith(folder, two)).rejects.toThrow(/book 3 \(a-2 in a\) is missing/u);
  for (const region of ['a', 'b', 'c', 'z']) mkdirSync(join(root, region));
  await removeData(folder);
  expect(existsSync(folder)).toBe(false);
});

test('a folder of a version that recorded no topology has the default one', async () => {
  const folder = join(testFolder(), 'data');
  const { root } = openDataDir(folder);
  writeFileSync(join(root, 'meridian-data.json'), '{"meridian":1}\n');
  await expect(claimWith(folder, topologyOf({ a: 1 }))).rejects.toThrow(/eu-west is missing/u);
  await claimWith(folder, defaultTopology);
  expect(recordedTopology(root)).toEqual(defaultTopology);
});

const taken = () => Promise.reject(new Error('port 1 is taken'));

test('a start that is refused for another reason binds to no topology', async () => {
  const folder = join(testFolder(), 'data');
  await expect(claimWith(folder, topologyOf({ a: 1 }), taken)).rejects.toThrow('port 1 is taken');
  await claimWith(folder, topologyOf({ b: 1 }));
});

test('a damaged record is an error, not a new folder', async () => {
  const folder = join(testFolder(), 'data');
  const { root } = openDataDir(folder);
  writeFileSync(join(root, 'meridian-data.json'), '{"meridian":2,"topology"');
  await expect(claimWith(folder, defaultTopology)).rejects.toThrow(
    /meridian-data.json is damaged/u,
  );
});

test('copies of a book that has data stay in their regions', async () => {
  const folder = join(testFolder(), 'data');
  const topology = topologyOf({ a: 1, b: 1, c: 1 });
  const root = await claimWith(folder, topology);
  recordTopology(root, topology);
  const [first, ...others] = topology.books;
  const moved = (copies: readonly string[]) => ({
    ...topology,
    books: first === undefined ? [] : [{ ...first, copies }, ...others],
  });
  requireSameCopies(root, moved(['a', 'c', 'b']));
  expect(() => requireSameCopies(root, moved(['a', 'b']))).toThrow(
    /copies in a, b, c, not in a, b/u,
  );
});
