import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../processes/atomic-file.ts';
import { growthProblems } from './topology-growth.ts';
import { defaultTopology, type RegionName, type Topology } from './topology.ts';

/**
 * meridian-data.json: marks a data folder as ours, and records the topology of the data in it.
 *
 * A start records a topology before its first ledger server, which writes the books of its region
 * into its own book: from then on the data is bound to them. A start that fails earlier binds to
 * nothing. A book that joins a running installation is recorded before the first router knows it.
 */

const markerName = 'meridian-data.json';

export const topologySchema = z.object({
  regions: z.array(z.string()),
  books: z.array(
    z.object({
      number: z.number().int(),
      name: z.string(),
      region: z.string(),
      copies: z.array(z.string()),
    }),
  ),
  delays: z.record(z.string(), z.number()),
});

const marker = z.object({
  /** 1: made before topologies were recorded, so the data is of the default one. */
  meridian: z.number().int(),
  /** Regions that may have a folder here, those of a start that failed included. */
  regions: z.array(z.string()).default([]),
  /** Undefined: no router has run with this data yet. */
  topology: topologySchema.optional(),
});
type Marker = z.infer<typeof marker>;

const markerPath = (root: string) => join(root, markerName);

/** True when the folder was made by Meridian. */
export function isDataDir(path: string): boolean {
  return existsSync(markerPath(path));
}

/** True for the marker and for a file that a killed process left while it wrote the marker. */
export function isMarkerFile(name: string): boolean {
  return name.startsWith(markerName);
}

/** Marks an empty folder as ours. */
export function markDataDir(root: string): void {
  write(root, { meridian: 2, regions: [] });
}

function write(root: string, content: Marker): void {
  writeFileAtomic(markerPath(root), `${JSON.stringify(content, undefined, 2)}\n`);
}

function read(root: string): Marker {
  try {
    return marker.parse(JSON.parse(readFileSync(markerPath(root), 'utf8')));
  } catch (error) {
    if (error instanceof z.ZodError || error instanceof SyntaxError) {
      throw new Error(`${markerPath(root)} is damaged: restore it from a copy`, { cause: error });
    }
    throw error;
  }
}

/** The topology of the data in the folder; undefined: none, no router has run with it. */
export function recordedTopology(root: string): Topology | undefined {
  const { meridian, topology } = read(root);
  return topology ?? (meridian === 1 ? defaultTopology : undefined);
}

/** Throws an Error that names each reason why `topology` does not fit the data in the folder. */
export function requireGrowth(root: string, topology: Topology): void {
  const recorded = recordedTopology(root);
  const problems = recorded === undefined ? [] : growthProblems(recorded, topology);
  if (problems.length === 0) return;
  throw new Error(
    `the data in ${root} is of another topology:\n  ${problems.join('\n  ')}\n` +
      'restore these lines of the configuration, or choose another folder with --data',
  );
}

/**
 * Throws an Error that names each book whose copies are in other regions than those of the data
 * in the folder: a copy that is dropped may be the only one with all acknowledged payments.
 */
export function requireSameCopies(root: string, { books }: Topology): void {
  const problems = (recordedTopology(root)?.books ?? []).flatMap(({ number, name, copies }) => {
    const next = books.find((book) => book.number === number)?.copies ?? copies;
    if (copies.toSorted().join() === next.toSorted().join()) return [];
    return [`book ${name} has copies in ${copies.join(', ')}, not in ${next.join(', ')}`];
  });
  if (problems.length === 0) return;
  throw new Error(
    `the data in ${root} has its copies in other regions:\n  ${problems.join('\n  ')}\n` +
      'name the copies of these books in the configuration as they are',
  );
}

/** Notes that regions may have folders from now on, for `--fresh` to find them. */
export function reserveFolders(root: string, regions: readonly RegionName[]): void {
  const before = read(root);
  if (regions.every((region) => before.regions.includes(region))) return;
  write(root, { ...before, regions: [...new Set([...before.regions, ...regions])] });
}

/** Records the topology of the data. It must be one that `requireGrowth` accepts. */
export function recordTopology(root: string, { regions, books, delays }: Topology): void {
  const topology = {
    regions: [...regions],
    books: books.map((book) => ({ ...book, copies: [...book.copies] })),
    delays: { ...delays },
  };
  const before = read(root);
  const content = { meridian: 2, regions: before.regions, topology };
  if (JSON.stringify(content) !== JSON.stringify(before)) write(root, content);
}

/** The regions that may have a folder here. */
export function regionFolders(root: string): readonly RegionName[] {
  const { regions, topology } = read(root);
  return [...new Set([...defaultTopology.regions, ...regions, ...(topology?.regions ?? [])])];
}

/** The marker's file name, which is deleted last. */
export const dataMarker = markerName;
