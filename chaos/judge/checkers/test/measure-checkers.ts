import { writeSync } from 'node:fs';
import { checkers } from '../all.ts';
import { gatherEvidence } from '../evidence.ts';
import { randomRun } from './random-run.ts';

/** Prints how long every checker takes: node chaos/judge/checkers/test/measure-checkers.ts [OPERATIONS]. */
const count = Number(process.argv[2] ?? 1_000_000);
const print = (text: string) => writeSync(1, `${text}\n`);
const seconds = (from: number) => ((performance.now() - from) / 1_000).toFixed(1);

let from = performance.now();
const story = randomRun(1, count);
const finals = story.finals();
print(`${count} operations, ${finals.copies.reduce((sum, { rows }) => sum + rows.length, 0)} rows`);
print(`made in ${seconds(from)} s`);
const start = performance.now();
const cpuBefore = process.cpuUsage();
from = start;
const evidence = gatherEvidence(story.history(), finals);
print(`evidence ${seconds(from)} s`);
for (const [name, checker] of Object.entries(checkers)) {
  from = performance.now();
  const verdict = checker(evidence);
  const more = verdict.state === 'fail' ? ` ${verdict.total}: ${verdict.witnesses[0]?.text}` : '';
  print(`${name} ${verdict.state} ${seconds(from)} s${more}`);
}
const { user, system } = process.cpuUsage(cpuBefore);
const cpu = `${((user + system) / 1e6).toFixed(1)} s of processor`;
print(`all ${seconds(start)} s, ${cpu}, ${Math.round(process.memoryUsage().rss / 1e6)} MB`);
