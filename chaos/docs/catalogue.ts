import { invariants } from '../judge/checkers/all.ts';
import { deliberateBugs } from '../drive/deliberate-bugs/all.ts';
import { profiles } from '../drive/installation/installation.ts';
import { nemeses } from '../drive/nemeses/all.ts';
import { DELIBERATE_BUGS } from '../simulation/simulated-bug.ts';
import { workloads } from '../drive/workloads/all.ts';

const INTRODUCTION = `# What the chaos suite has

Generated from the code by \`npm run catalogue\`; a test fails when it is out of date. Places such as N3 are
those of the catalogue that the suite was built from: a gap is something that is part of another place,
or not built. [The README](../README.md) explains a run, [invariants](../../ledger/docs/invariants.md) what
else holds each invariant.`;

/** Escapes `|`, which would end a cell. */
const cell = (text: string) => text.replaceAll('|', String.raw`\|`);

const sentence = (text: string) => text.charAt(0).toUpperCase() + text.slice(1).replace(/\.$/u, '');

const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

const code = (name: string) => `\`${name}\``;

function secondsOf([from, to]: readonly [number, number]): string {
  return from === to ? `${from / 1000} s` : `${from / 1000} to ${to / 1000} s`;
}

/** Names of the bugs that a checker must convict, at least one checker for each bug. */
function convicted(invariant: string): string {
  const real = deliberateBugs.filter((bug) => bug.invariants.some((name) => name === invariant));
  const simulated = Object.entries(DELIBERATE_BUGS).filter(([, names]) =>
    (names as readonly string[]).includes(invariant),
  );
  const names = new Set([...real.map(({ name }) => name), ...simulated.map(([name]) => name)]);
  return [...names].map(code).join(', ');
}

/** `chaos/docs/catalogue.md`: workloads, nemeses, checkers and deliberate bugs. */
export function catalogueText(): string {
  const parts = [
    INTRODUCTION,
    '## Checkers',
    'One for each invariant; each decides from the recorded history and the final reads alone. A deliberate\nbug is convicted when at least one of its checkers finds a violation.',
    table(
      ['invariant', 'states', 'deliberate bugs'],
      Object.entries(invariants).map(([name, description]) => [
        name,
        sentence(description),
        convicted(name),
      ]),
    ),
    '## Workloads',
    table(
      ['place', 'workload', 'what it does: what it would bring to light'],
      workloads.map(({ place, name, description }) => [place, code(name), sentence(description)]),
    ),
    '## Nemeses',
    `Profiles: ${profiles.join(', ')}. "Alone": nothing else is broken meanwhile.`,
    table(
      ['place', 'nemesis', 'what it breaks', 'where', 'lasts', ''],
      nemeses.map((one) => [
        one.place,
        code(one.name),
        sentence(one.description),
        one.profiles.length === profiles.length ? 'both' : one.profiles.join(', '),
        secondsOf(one.lastsMs),
        one.alone ? 'alone' : '',
      ]),
    ),
    '## Deliberate bugs of real servers',
    '`npm run chaos -- --bug NAME` starts the servers with one.',
    table(
      ['bug', 'what the server does', 'convicted by', 'needs'],
      deliberateBugs.map(
        ({ name, description, invariants: by, profile, workloads: loads, ...bug }) => [
          code(name),
          sentence(description),
          by.join(' or '),
          [...(profile === 'replicated' ? [profile] : []), ...loads, ...bug.nemeses].join(', '),
        ],
      ),
    ),
    '## Deliberate bugs of the simulation',
    '`node chaos/simulation/main.ts --seed N --bug NAME`.',
    table(
      ['bug', 'convicted by'],
      Object.entries(DELIBERATE_BUGS).map(([name, by]) => [code(name), by.join(' or ')]),
    ),
  ];
  return `${parts.join('\n\n')}\n`;
}
