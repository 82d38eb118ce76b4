import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { must } from '../../ledger/core/assert.ts';
import { runAudit } from '../../ledger/audit/run-audit.ts';
import { endFolder, makeFolder } from '../../regions/testing/folder.ts';
import { type LostRows, THOUGH_ROWS_ARE_LOST, withoutLost } from '../judge/checkers/lost-rows.ts';
import { type OwnInstallation, startOwn } from '../drive/installation/own.ts';
import { restoredBook } from '../drive/nemeses/restored-book.ts';
import { workloads } from '../drive/workloads/all.ts';
import { startAfresh } from './test/start-afresh.ts';
import { briefRun } from './test/brief-run.ts';
import { strikeOf } from './test/troubles.ts';

/**
 * A run in which a book is replaced by an older copy and repaired, judged by the checkers of
 * every run as far as they apply. Only what was lost permanently is excused.
 */

const BUG = 'blind-to-a-diverged-channel';

let folder: string;
let installation: OwnInstallation;
beforeAll(async () => {
  folder = makeFolder();
  installation = await startOwn({ profile: 'embedded', folder });
}, 120_000);
afterAll(async () => {
  await installation?.stop();
  endFolder(folder, false);
}, 60_000);

/** Verdicts of a run with the nemesis, and what went wrong during it. */
async function judged(name: string, names: readonly string[]) {
  let lost: LostRows | undefined;
  const failed: string[] = [];
  const strike = strikeOf(
    restoredBook((rows) => {
      lost = rows;
    }),
    1_000,
  );
  const verdicts = await briefRun(installation, join(folder, name), {
    workloads: workloads.filter((workload) => names.includes(workload.name)),
    trouble: (...scene) =>
      strike(...scene).catch((error: unknown) => {
        failed.push(error instanceof Error ? error.message : String(error));
      }),
    loadMs: 2_000,
    calls: 300,
    drainMs: 20_000,
    excuse: (evidence) => withoutLost(evidence, must(lost, 'the book was restored')),
  });
  const found = THOUGH_ROWS_ARE_LOST.map((invariant) => {
    const verdict = must(verdicts.get(invariant), 'every invariant is judged');
    const shown = verdict.state === 'fail' ? verdict.witnesses.map(({ text }) => text) : [];
    return [invariant, verdict.state, shown] as const;
  });
  return { found, failed, count: lost?.seqs.size ?? 0 };
}

test('nothing but what no other book knows is lost, and the books balance', async () => {
  await startAfresh(installation, folder, undefined);
  const { found, failed, count } = await judged('no-bug', ['bank', 'bank-across', 'holds']);
  expect(failed).toEqual([]);
  expect(count).toBeGreaterThan(0);
  expect(found).toEqual(THOUGH_ROWS_ARE_LOST.map((invariant) => [invariant, 'pass', []]));
  const urls = installation.copies.map(({ adminUrl }) => adminUrl);
  const { violations, notes } = await runAudit({ urls, onProgress: () => undefined });
  expect([violations, notes]).toEqual([[], []]);
}, 240_000);

test(`a server with the bug ${BUG} is convicted`, async () => {
  await startAfresh(installation, folder, BUG);
  const { found, failed } = await judged(BUG, ['bank', 'bank-across']);
  // The nemesis waits in vain for the loss to be reported.
  expect(failed.join()).toMatch(/CHANNEL_DIVERGED of .*: in vain/u);
  const convicted = found.filter(([, state]) => state === 'fail').map(([invariant]) => invariant);
  expect(convicted).toContain('I4');
}, 300_000);
