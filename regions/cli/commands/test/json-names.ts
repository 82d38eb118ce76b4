import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import pMap from 'p-map';
import { expect, test } from 'vitest';

import type { Meridian } from '../../../testing/meridian.ts';
import { requireNamingStyle } from '../../../testing/naming-style.ts';

/** Commands that have commands of their own. */
const GROUPS = ['account', 'asset', 'hold', 'channel', 'book', 'drill', 'config'];

/** Commands whose JSON other tests check: they start, stop, make or break something. */
const ELSEWHERE = [
  'start',
  'up',
  'down',
  'book create',
  'book migrate',
  'drill list',
  'drill run',
  'drill report',
  // Held to the naming style by their own tests.
  'pki',
  'policy check',
  'config init',
  'config check',
  'config show',
  'config apply',
];

/** Commands that change a replicated installation: here they print why they do not. */
const REPLICATED = [
  'switchover eu-west-1 --to us-east',
  'failover eu-west-1 --to us-east',
  'fence 1',
  'unfence 1',
  'drain us-east',
  'undrain us-east',
  'evacuate us-east',
  'failback us-east',
].map((line) => `${line} --why OPS-1`);

/**
 * Every command has printed JSON, by this test or by those before it in the same file, and all
 * names in it are in camel case, which Meridian.json checks.
 */
export function testJsonNames(
  installation: () => { readonly meridian: Meridian; readonly folder: string },
): void {
  test('every command prints JSON with names in one style', async () => {
    const { meridian, folder } = installation();
    const json = (code: number, line: string) => meridian.json(code, ...line.split(' '));
    const events = await meridian.run('events', '--book', 'eu-west-1', '--json');
    for (const line of events.out.trim().split('\n')) requireNamingStyle(JSON.parse(line));
    const files = replayFiles(folder);
    const lines = ['account find bob', 'accounts', 'asset list', 'channel list'];
    // On a busy machine they might not answer this command in time.
    const status = await meridian.run('status', '--json');
    requireNamingStyle(JSON.parse(status.out));
    const work = [
      ...[...lines, files].map((line) => [0, line] as const),
      ...[...REPLICATED, 'lag'].map((line) => [3, line] as const),
    ];
    await pMap(work, ([code, line]) => json(code, line), { concurrency: 4 });
    const { printed } = meridian;
    const others = (await allCommands(meridian)).filter(
      (names) => !names.some((each) => printed.some((line) => `${line} `.startsWith(`${each} `))),
    );
    // Two have been read above.
    const names = others.map(([name = '']) => name);
    expect(new Set(names)).toEqual(new Set([...ELSEWHERE, 'events', 'status']));
  }, 120_000);
}

/** Replays one payment. */
function replayFiles(folder: string): string {
  const accounts = join(folder, 'accounts.csv');
  const payments = join(folder, 'payments.csv');
  const opened = 'rich,eu-west,EUR,yes\npoor,us-east,EUR,no\n';
  writeFileSync(accounts, `account,home_region,currency,may_overdraw\n${opened}`);
  const heading = 'key,booked_on,debit_account,credit_account,amount_minor,currency,kind';
  writeFileSync(payments, `${heading}\none,2026-01-02,rich,poor,5,EUR,gift\n`);
  return `replay --accounts ${accounts} --payments ${payments}`;
}

/** The names of all commands with their aliases, as their help has them. */
async function allCommands(meridian: Meridian): Promise<string[][]> {
  const namesIn = async (...group: string[]) => {
    const { out } = await meridian.run(...group, '--help');
    const lines = out.slice(out.indexOf('\nCommands:\n')).matchAll(/^ {2}([a-z-]+)\|?([a-z-]*)/gmu);
    return [...lines]
      .map(([, name = '', alias = '']) => [name, alias || name])
      .filter(([name]) => name !== 'help')
      .map((names) => names.map((each) => [...group, each].join(' ')));
  };
  const all = await Promise.all([namesIn(), ...GROUPS.map((group) => namesIn(group))]);
  return [...all.flat(), ['transfer show']].filter(([name = '']) => !GROUPS.includes(name));
}
