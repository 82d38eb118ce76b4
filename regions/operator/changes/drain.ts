import { z } from 'zod';
import { markDrained, unmarkDrained } from '../../etcd/drained.ts';
import { Etcd } from '../../etcd/etcd.ts';
import type { RegionName } from '../../topology/topology.ts';
import { answered, type MemberFacts } from '../facts.ts';
import type { OperatedBook, OperatedInstallation } from '../operated-installation.ts';
import { type Objection, objection, textOf } from '../objection.ts';
import type { Outline } from '../change-plan.ts';
import type { Recorder } from '../change-recorder.ts';
import {
  acknowledgingRegions,
  type BookFacts,
  judgeExposure,
  leaderOf,
  newestCopy,
} from '../safety.ts';
import { until } from '../within.ts';
import { regionChange, type RegionWork } from './operator-change.ts';
import { outlineSwitchover, switchover } from './switchover.ts';

/** Legs arrive within a second where both books are led: later ones need a look first. */
const IN_TRANSIT_MS = 60_000;

/** A book without a copy in the region neither leads there nor needs it. */
const hasCopyIn = (
  { members }: OperatedBook,
  { region }: { readonly region: RegionName },
): boolean => members.some(({ state }) => state.region === region);

/** Takes a region out of use: no calls of load balancers, no book led there. */
export const drain = regionChange(z.object({ kind: z.literal('drain'), region: z.string() }), {
  kind: 'drain',
  help: 'take a region out of use: no calls of load balancers, no book led there',
  examples: ['eu-west --why OPS-4711'],
  concerns: hasCopyIn,
  outline: (books, { region }) => outlineDrain(books, region),
  async carryOut(work, { region }) {
    const left = await emptyRegion(work, region);
    return { region, moved: namesOf(left) };
  },
});

/** Drains a region, waits until nothing is in transit from it, and reports if it may go. */
export const evacuate = regionChange(
  z.object({ kind: z.literal('evacuate'), region: z.string() }),
  {
    kind: 'evacuate',
    help: 'drain a region, wait until nothing depends on it, report whether it may be switched off',
    examples: ['eu-west --why OPS-4711'],
    concerns: hasCopyIn,
    outline: (books, { region }) => {
      const draining = outlineDrain(books, region);
      const steps = [
        ...draining.steps,
        'wait until nothing is in transit from the books that it led or is home of',
        'check that no book needs the region, and report whether it may be switched off',
      ];
      return { ...draining, steps };
    },
    async carryOut(work, { region }) {
      const { installation, books, recorder } = work;
      const left = await emptyRegion(work, region);
      const concerned = books.filter((book) => left.includes(book) || book.home === region);
      recorder.step(`waiting until nothing is in transit from ${region}`);
      await nothingInTransit(installation, concerned);
      const safeToSwitchOff = await saySafe(installation, books, region, recorder.step);
      return { region, moved: namesOf(left), safeToSwitchOff };
    },
  },
);

/** Puts a drained region to use again; books stay where they are led. */
export const undrain = regionChange(z.object({ kind: z.literal('undrain'), region: z.string() }), {
  kind: 'undrain',
  help: 'put a drained region to use again; books stay where they are led',
  examples: ['eu-west --why OPS-4711'],
  concerns: hasCopyIn,
  outline: (books, { region }) => outlineUndrain(books, region),
  async carryOut({ installation, recorder }, { region }) {
    await removeMark(installation, region, recorder);
    return { region };
  },
});

const namesOf = (books: readonly OperatedBook[]) => books.map(({ name }) => name).join(', ');

const etcdOf = ({ replicated }: OperatedInstallation) =>
  new Etcd(replicated.etcd.map(({ url }) => url));

const withoutMajority = (books: readonly BookFacts[]): Objection[] =>
  books.some(({ coordination }) => coordination === undefined)
    ? [objection('ETCD_WITHOUT_MAJORITY', 'etcd has no majority')]
    : [];

/** A book that has to leave a region, and where it may go, the best first. */
export interface Departure {
  readonly facts: BookFacts;
  readonly to: RegionName | undefined;
  /** Why it can go nowhere; empty unless `to` is undefined. */
  readonly why: readonly string[];
}

/** The books that are led from a region, with the best other region for each. */
export function departures(books: readonly BookFacts[], region: RegionName): Departure[] {
  return books
    .filter((facts) => leaderOf(facts)?.member.region === region)
    .map((facts) => {
      const others = facts.members.filter(({ member }) => member.region !== region);
      const moves = others.toSorted(newerFirst).map(({ member: { region: to } }) => {
        const { objections } = outlineSwitchover(facts, { to });
        return { to, objections };
      });
      const best = moves.find(({ objections }) => objections.length === 0);
      const why = moves.map(({ to, objections }) => `not to ${to}: ${textOf(objections)}`);
      return { facts, to: best?.to, why: best === undefined ? why : [] };
    });
}

function newerFirst(a: MemberFacts, b: MemberFacts): number {
  const [ours, theirs] = [answered(a.postgres)?.flushed ?? 0n, answered(b.postgres)?.flushed ?? 0n];
  return ours === theirs ? 0 : ours > theirs ? -1 : 1;
}

export function outlineDrain(books: readonly BookFacts[], region: RegionName): Outline {
  const leaving = departures(books, region);
  const stuck = leaving.filter(({ to }) => to === undefined);
  const already = books.some(({ drained }) => drained.has(region));
  return {
    steps: [
      `mark ${region} as drained: its router turns load balancers away, and no book is led there`,
      ...leaving.flatMap(({ facts, to }) => (to ? [`switch ${facts.name} over to ${to}`] : [])),
    ],
    warnings: already ? [`${region} is drained already`] : [],
    objections: stuck.map(({ facts, why }) =>
      objection('BOOK_CANNOT_LEAVE', `${facts.name} can go nowhere (${why.join('; ')})`),
    ),
    impossible: withoutMajority(books),
  };
}

export function outlineUndrain(books: readonly BookFacts[], region: RegionName): Outline {
  const drained = books.some((facts) => facts.drained.has(region));
  return {
    steps: [`take the mark away: the router of ${region} takes load balancers' calls again`],
    warnings: ['books stay where they are led; "meridian failback" brings them home'],
    objections: drained ? [] : [objection('NOT_DRAINED', `${region} is not drained`)],
    impossible: withoutMajority(books),
  };
}

/** Marks a region and switches its books over, one after the other. Returns those it has moved. */
async function emptyRegion(
  { installation, facts, acting, recorder }: RegionWork,
  region: RegionName,
): Promise<OperatedBook[]> {
  const at = new Date().toISOString();
  recorder.step(`marking ${region} as drained`);
  await markDrained(etcdOf(installation), region, { by: acting.by, why: acting.why, at });
  const moved: OperatedBook[] = [];
  for (const { facts: leaving, to } of departures(facts, region)) {
    if (to === undefined) continue;
    const request = { kind: switchover.kind, book: leaving.name, to };
    await switchover.make(installation, request, { ...acting, onStep: recorder.step });
    moved.push(installation.book(leaving.name));
  }
  return moved;
}

export async function removeMark(
  installation: OperatedInstallation,
  region: RegionName,
  recorder: Recorder,
): Promise<void> {
  recorder.step(`${region} is no longer drained`);
  await unmarkDrained(etcdOf(installation), region);
}

async function nothingInTransit(
  installation: OperatedInstallation,
  books: readonly OperatedBook[],
) {
  let left = '';
  await until('that nothing is in transit', IN_TRANSIT_MS, async () => {
    const all = await Promise.all(books.map((book) => installation.facts(book)));
    const waiting = all.flatMap((facts) =>
      (newestCopy(facts)?.outgoing ?? []).map(
        ({ toBook, transfers, asset }) =>
          `${transfers} of ${facts.name} to book ${toBook} in ${asset}`,
      ),
    );
    left = waiting.join(', ');
    return waiting.length === 0 ? true : undefined;
  }).catch((error: unknown) => {
    throw new Error(`still in transit: ${left}; the region must not be switched off yet`, {
      cause: error,
    });
  });
}

/** Whether the region may be switched off, as far as etcd and the books with a copy there go. */
async function saySafe(
  installation: OperatedInstallation,
  books: readonly OperatedBook[],
  region: RegionName,
  step: (text: string) => void,
): Promise<boolean> {
  const all = await Promise.all(books.map((book) => installation.patientFacts(book)));
  const led = all.filter((facts) => leaderOf(facts)?.member.region === region);
  const [first] = all;
  const etcdLeft = first?.etcd.healthy.filter((healthy) => healthy !== region).length ?? 0;
  const majority = first !== undefined && etcdLeft > first.etcd.members / 2;
  const unsafe = all.filter((facts) => !judgeExposure(facts).safe);
  const without = all.filter(
    (facts) => !acknowledgingRegions(facts).some((other) => other !== region),
  );
  for (const { name } of without) step(`${name} would have no second region left`);
  if (!majority) step(`without ${region} etcd would have no majority`);
  const safe = led.length + unsafe.length + without.length === 0 && majority;
  step(safe ? `${region} may be switched off` : `${region} must not be switched off`);
  return safe;
}
