import { z } from 'zod';
import type { RegionName } from '../../topology/topology.ts';
import type { OperatedBook, OperatedInstallation } from '../operated-installation.ts';
import { type Objection, objection, isPassing, textOf } from '../objection.ts';
import type { Outline } from '../change-plan.ts';
import type { Recorder } from '../change-recorder.ts';
import { type BookFacts, leaderOf } from '../safety.ts';
import { until } from '../within.ts';
import { removeMark } from './drain.ts';
import { regionChange } from './operator-change.ts';
import { outlineSwitchover, switchover } from './switchover.ts';

/** A copy that has not caught up by then is further behind than its leader writes. */
const CATCH_UP_MS = 120_000;

/** Undrains a region and brings the books homed there back, one after the other. */
export const failback = regionChange(
  z.object({ kind: z.literal('failback'), region: z.string() }),
  {
    kind: 'failback',
    help: 'put a region to use again and bring its books home',
    examples: ['eu-west --why OPS-4711'],
    concerns: ({ home }, { region }) => home === region,
    outline: (homes, { region }) => outlineFailback(homes, region),
    async carryOut({ installation, books: homes, facts, acting, recorder }, { region }) {
      if (facts.some(({ drained }) => drained.has(region))) {
        await removeMark(installation, region, recorder);
      }
      const moved: string[] = [];
      for (const book of homes) {
        if (leaderOf(await installation.patientFacts(book))?.member.region === region) continue;
        await caughtUp(installation, book, region, recorder);
        const request = { kind: switchover.kind, book: book.name, to: region };
        await switchover.make(installation, request, { ...acting, onStep: recorder.step });
        moved.push(book.name);
      }
      return { region, moved: moved.join(', ') };
    },
  },
);

/** @param homes the books whose home the region is */
export function outlineFailback(homes: readonly BookFacts[], region: RegionName): Outline {
  const away = homes.filter((facts) => leaderOf(facts)?.member.region !== region);
  const drained = homes.some((facts) => facts.drained.has(region));
  const objections = away.flatMap((facts) => {
    // The mark is removed first; then it waits for a copy that is still catching up.
    const undrained = { ...facts, drained: new Set<string>() };
    return outlineSwitchover(undrained, { to: region })
      .objections.filter((each) => !isPassing(each))
      .map(({ code, text }) => objection(code, `${facts.name}: ${text}`));
  });
  if (away.length === 0 && !drained) {
    objections.push(objection('NOTHING_TO_FAIL_BACK', `every book of ${region} is led there`));
  }
  const steps = [
    ...(drained ? [`undrain ${region}`] : []),
    ...away.map(({ name }) => `wait until ${region} has caught up in ${name}, and switch it over`),
  ];
  return { steps, objections };
}

async function caughtUp(
  installation: OperatedInstallation,
  book: OperatedBook,
  region: RegionName,
  recorder: Recorder,
) {
  recorder.step(`waiting until ${region} has caught up in ${book.name}`);
  let objections: readonly Objection[] = [];
  await until('the catch-up', CATCH_UP_MS, async () => {
    ({ objections } = outlineSwitchover(await installation.facts(book), { to: region }));
    return objections.length === 0 ? true : undefined;
  }).catch((error: unknown) => {
    throw new Error(`${book.name} cannot go home: ${textOf(objections)}`, { cause: error });
  });
}
