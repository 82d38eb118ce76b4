import { judgeRun } from '../../checkers/all.ts';
import { gatherEvidence } from '../../checkers/evidence.ts';
import { callOf } from '../../checkers/test/bad-run.ts';
import { type GoodRun, goodRun } from '../../checkers/test/good-run.ts';
import type { FinalReads } from '../../history/copy-reads.ts';
import type { JudgedRun } from '../judged-run.ts';

/** Synthetic runs with their verdicts. */

function judged({ story }: GoodRun, finals: FinalReads = story.finals()): JudgedRun {
  const history = story.history();
  const evidence = gatherEvidence(history, finals);
  return {
    history: {
      ...history,
      header: {
        ...history.header,
        seed: 17,
        commit: '3330e83',
        versions: { node: '24.21.0', postgres: '18.4' },
        options: {
          profile: 'embedded',
          minutes: 10,
          workloads: { bank: 0.25, limits: 1 },
          nemeses: ['pause-leader', 'lose-replies'],
        },
      },
    },
    verdicts: judgeRun(evidence),
    missing: evidence.missing,
    notRun: [{ name: 'small-disk', place: 'N24', why: 'loop devices need root' }],
    endedAt: '2026-01-01T00:02:00.000Z',
    logs: ['chaos-runs/seed-17/history.jsonl'],
  };
}

export function passedRun(): JudgedRun {
  return judged(goodRun());
}

/** Input with markup and terminal control characters. */
export const HOSTILE = '</svg><script>alert("1")</script>\u001B[31m&amp;';
export function failedRun(): JudgedRun {
  const run = goodRun();
  const { story, alice, shop } = run;
  const much = { debitAccountId: alice, creditAccountId: shop, amount: 9_000n };
  story.transfer(HOSTILE, { ...much, reference: HOSTILE });
  for (const key of ['yacht', HOSTILE]) {
    const operation = callOf(run, key);
    Object.assign(operation, { reply: { ...operation.reply, status: 'POSTED', reason: '' } });
  }
  return judged(run);
}

/** One copy was not read. */
export function unknownRun(): JudgedRun {
  const run = goodRun();
  const { copies, missing } = run.story.finals();
  const read = copies.filter(({ book, region }) => book !== 2 || region !== 'us-east');
  return judged(run, { copies: read, missing });
}
