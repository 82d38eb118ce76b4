import { markDrained, unmarkDrained } from '../etcd/drained.ts';
import { Etcd } from '../etcd/etcd.ts';
import type { RegionName } from '../topology/layout.ts';
import type { Book, Installation } from './installation.ts';
import { type Acting, type Operation, requireDoable } from './operation.ts';
import {
  type Departure,
  departures,
  ledFrom,
  planDrain,
  planFailback,
  planSwitchover,
  planUndrain,
} from './plan.ts';
import { Recorder } from './recorder.ts';
import { acknowledgingRegions, type BookFacts, judgeExposure, newestCopy } from './safety.ts';
import { switchover } from './switchover.ts';
import { until } from './within.ts';

const IN_TRANSIT_MS = 60_000;
const CATCH_UP_MS = 120_000;

const etcdOf = ({ replicated }: Installation) => new Etcd(replicated.etcd.map(({ url }) => url));

export const allFacts = (installation: Installation): Promise<BookFacts[]> =>
  Promise.all(installation.books.map((book) => installation.patientFacts(book)));

/** Takes a region out of use: no calls of load balancers, no book led there. */
export async function drain(
  installation: Installation,
  region: RegionName,
  acting: Acting,
): Promise<Operation> {
  return emptyRegion('drain', installation, region, acting);
}

/** Drains a region and waits until nothing depends on it any more. */
export async function evacuate(
  installation: Installation,
  region: RegionName,
  acting: Acting,
): Promise<Operation> {
  return emptyRegion('evacuate', installation, region, acting);
}

async function emptyRegion(
  kind: 'drain' | 'evacuate',
  installation: Installation,
  region: RegionName,
  acting: Acting,
): Promise<Operation> {
  const facts = await allFacts(installation);
  requireDoable(planDrain(kind, facts, region));
  const recorder = new Recorder(kind, region, acting);
  return recorder.during(installation.books, async () => {
    const at = new Date().toISOString();
    recorder.step(`marking ${region} as drained`);
    await markDrained(etcdOf(installation), region, { by: acting.by, why: acting.why, at });
    const left = await moveAway(installation, departures(facts, region), acting, recorder);
    const moved = left.map(({ name }) => name).join(', ');
    if (kind === 'drain') return { region, moved };
    const concerned = installation.books.filter(
      (book) => left.includes(book) || book.home === region,
    );
    recorder.step(`waiting until nothing is in transit from ${region}`);
    await nothingInTransit(installation, concerned);
    const safeToSwitchOff = await saySafe(installation, region, recorder.step);
    return { region, moved, safeToSwitchOff };
  });
}

/** Switches the books over one after the other. Returns those that it has moved. */
async function moveAway(
  installation: Installation,
  leaving: readonly Departure[],
  acting: Acting,
  recorder: Recorder,
): Promise<Book[]> {
  const moved: Book[] = [];
  for (const { facts, to } of leaving) {
    if (to === undefined) continue;
    const book = installation.book(facts.name);
    await switchover(installation, book, to, { ...acting, onStep: recorder.step });
    moved.push(book);
  }
  return moved;
}

async function nothingInTransit(installation: Installation, books: readonly Book[]) {
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

/** Whether the region may be switched off, as far as the books and etcd go. */
async function saySafe(
  installation: Installation,
  region: RegionName,
  step: (text: string) => void,
): Promise<boolean> {
  const all = await allFacts(installation);
  const led = all.filter((facts) => ledFrom(facts)?.member.region === region);
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

/** Puts a drained region to use again; books stay where they are led. */
export async function undrain(
  installation: Installation,
  region: RegionName,
  acting: Acting,
): Promise<Operation> {
  const facts = await allFacts(installation);
  requireDoable(planUndrain(facts, region));
  const recorder = new Recorder('undrain', region, acting);
  return recorder.during(installation.books, async () => {
    await takeMarkAway(installation, region, recorder);
    return { region };
  });
}

async function takeMarkAway(installation: Installation, region: RegionName, recorder: Recorder) {
  recorder.step(`${region} is no longer drained`);
  await unmarkDrained(etcdOf(installation), region);
}

/** Puts a region to use again and brings its books home, one after the other. */
export async function failback(
  installation: Installation,
  region: RegionName,
  acting: Acting,
): Promise<Operation> {
  const homes = installation.books.filter(({ home }) => home === region);
  const facts = await Promise.all(homes.map((book) => installation.patientFacts(book)));
  requireDoable(planFailback(facts, region));
  const recorder = new Recorder('failback', region, acting);
  return recorder.during(homes, async () => {
    if (facts.some(({ drained }) => drained.has(region))) {
      await takeMarkAway(installation, region, recorder);
    }
    const moved: string[] = [];
    for (const book of homes) {
      if (ledFrom(await installation.patientFacts(book))?.member.region === region) continue;
      await caughtUp(installation, book, region, recorder);
      await switchover(installation, book, region, { ...acting, onStep: recorder.step });
      moved.push(book.name);
    }
    return { region, moved: moved.join(', ') };
  });
}

async function caughtUp(
  installation: Installation,
  book: Book,
  region: RegionName,
  recorder: Recorder,
) {
  recorder.step(`waiting until ${region} has caught up in ${book.name}`);
  let objections: readonly string[] = [];
  await until('the catch-up', CATCH_UP_MS, async () => {
    ({ objections } = planSwitchover(await installation.facts(book), region));
    return objections.length === 0 ? true : undefined;
  }).catch((error: unknown) => {
    throw new Error(`${book.name} cannot go home: ${objections.join('; ')}`, { cause: error });
  });
}
