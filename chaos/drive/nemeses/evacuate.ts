import { type Breaking, strikeWith } from './breaking.ts';
import { harmsBetween, harmsOfLoss } from './harms.ts';
import type { Nemesis } from './nemesis.ts';
import { OperatorAtWork } from './operator-at-work.ts';
import { bothWays, wayName } from './partition.ts';
import { ownRandom, threeRegions, whyNoThreeRegions } from './targets.ts';
import { flap } from './unsteady-links.ts';

/**
 * A region is evacuated and failed back, while two others lose each other now and then. It touches
 * the books that were led there, while they move, and those whose leaders are at either end of the
 * flapping links. Where there are three regions, these are all books.
 */
export const evacuate: Nemesis = {
  name: 'evacuate-amid-flapping',
  place: 'N39',
  description:
    'an operator evacuates a region and fails back, while the links between two others are ' +
    'repeatedly cut and healed',
  profiles: ['replicated'],
  lastsMs: [25_000, 50_000],
  alone: true,
  whyNot: whyNoThreeRegions,
  aim: (scene) => {
    const [region, one, other] = threeRegions(scene);
    const random = ownRandom(scene.random);
    const operator = new OperatorAtWork(scene, 'evacuate-amid-flapping');
    const ways = bothWays(one, other);
    const begin = (breaking: Breaking) => {
      const { goOn, letRun, over, pause } = breaking;
      goOn(() => flap(breaking, random, ways));
      letRun(async () => {
        while (!over.aborted) {
          // Refused while a standby does not stream, which may be the case now.
          if (await operator.make({ kind: 'evacuate', region })) break;
          await pause(1_000);
        }
        await pause(2_000);
        await operator.make({ kind: 'failback', region });
      });
    };
    return Promise.resolve(
      strikeWith(scene, {
        targets: [region, ...ways.map(wayName)],
        harms: [...harmsOfLoss(scene, region), ...harmsBetween(scene, one, other)],
        begin,
        finish: () => operator.finish(region),
      }),
    );
  },
};
