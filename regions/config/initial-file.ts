import type { Config } from './load-config.ts';
import { acceptedBy } from './setting.ts';

/** The text of a meridian.yaml with the defaults, and with every setting as a comment. */

const INTRODUCTION = `\
# An installation of Meridian. "meridian config check" lists everything that is wrong with this file,
# "meridian config show" the value of every setting and where it is from. A variable of the
# environment overrides a setting: MERIDIAN_LEDGER_BATCH_ITEMS is ledger.batchItems.`;

const REGIONS = `\
# 1 to 7 regions. Their order decides ports and addresses: add new ones at the end.`;

const BOOKS = `\
# A book belongs to a region. Its number is permanent: it is part of the ids of accounts. A region may
# have several books; a new one has a higher number than the others of its region. "copies" names
# the regions that have a copy in the replicated profile, by default its own and the two nearest.`;

const DELAYS = `\
# Milliseconds one way between two regions, for the replicated profile on one machine.`;

export function initialFile({ topology, profile, basePort, settings }: Config): string {
  const books = topology.books.map(
    ({ number, name, region }) => `  - { number: ${number}, name: ${name}, region: ${region} }`,
  );
  const delays = Object.entries(topology.delays).map(([pair, ms]) => `  ${pair}: ${ms}`);
  const lines = [
    INTRODUCTION,
    '',
    REGIONS,
    'regions:',
    ...topology.regions.map((region) => `  - ${region}`),
    '',
    BOOKS,
    'books:',
    ...books,
    '',
    DELAYS,
    'delays:',
    ...delays,
    '',
    '# embedded: one copy of each book. replicated: three, each in another region.',
    `profile: ${profile}`,
    '',
    '# The first of the ports that are used.',
    `basePort: ${basePort}`,
    '',
    '# The data folder; a relative path is seen from the folder of this file.',
    '# data: ./data',
    '',
    '# Remove the "#" in front of a setting to change it; keep its indentation.',
    'settings:',
    ...settingLines(settings),
  ];
  return `${lines.join('\n')}\n`;
}

function settingLines(settings: Config['settings']): string[] {
  let group = '';
  return [...settings.values()].flatMap(({ setting, byDefault, source }) => {
    const [first = '', name] = setting.key.split('.');
    const title = name !== undefined && first !== group ? ['', `  ${first}:`] : [];
    group = first;
    const indent = name === undefined ? '  ' : '    ';
    const origin =
      source === 'derived' ? '; the default follows from the memory of this machine' : '';
    return [
      ...title,
      `${indent}# ${setting.help} (${acceptedBy(setting)}${origin})`,
      `${indent}# ${name ?? first}: ${byDefault}`,
    ];
  });
}
