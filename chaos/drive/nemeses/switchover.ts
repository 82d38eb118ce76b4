import { copiesOf } from '../installation/installation.ts';
import { strikeWith } from './breaking.ts';
import type { Nemesis } from './nemesis.ts';
import { OperatorAtWork } from './operator-at-work.ts';
import { aLeader, always, ownRandom } from './targets.ts';

/** The book serves no calls while it moves: touches all calls that need it. Other books stay. */
export const switchover: Nemesis = {
  place: 'N31',
  profiles: ['replicated'],
  lastsMs: [10_000, 30_000],
  alone: true,
  whyNot: always,
  name: 'switchover-under-load',
  description: 'an operator moves the leader of a book from region to region under load',
  aim: (scene) => {
    const { book, bookName } = aLeader(scene);
    const random = ownRandom(scene.random);
    const operator = new OperatorAtWork(scene, switchover.name);
    const places = copiesOf(scene.installation, book).map(({ region }) => region);
    const move = async () => {
      const from = scene.leader(book)?.region;
      const to = random.pick(places.filter((region) => region !== from));
      await operator.make({ kind: 'switchover', book: bookName, to });
    };
    return Promise.resolve(
      strikeWith(scene, {
        targets: [bookName],
        harms: [{ book }],
        begin: ({ letRun, over, pause }) => {
          letRun(async () => {
            while (!over.aborted) {
              await move();
              await pause(random.between(500, 3_000));
            }
          });
        },
        finish: () => operator.finish(),
      }),
    );
  },
};
