import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { defaultTopology } from '../topology/topology.ts';
import { testFolder } from '../testing/folder.ts';
import { loadConfig, parseConfig } from './load-config.ts';
import { ConfigError, problemText } from './problem.ts';
import { numberOf, serverEnvironment } from './resolve-settings.ts';

const large = { memoryMib: 24_576 };
const parse = (text: string, env: Record<string, string> = {}, options = {}) =>
  parseConfig(text, '/etc/meridian/meridian.yaml', env, { ...large, ...options });

/** What is wrong, a line each. */
function problemsOf(text: string, env: Record<string, string> = {}, options = {}): string[] {
  try {
    parse(text, env, options);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map((problem) => problemText(problem, 'meridian.yaml'));
  }
  return [];
}

describe('what a file may leave out', () => {
  test.each([[''], ['# nothing but comments\n'], ['regions:\nbooks:\nsettings:\n  ledger:\n']])(
    'everything: %j',
    (text) => {
      const config = parse(text);
      expect(config.topology).toEqual(defaultTopology);
      expect(config.basePort).toBe(7400);
      expect(config.profile).toBe('embedded');
      expect(numberOf(config.settings, 'ledger.batchItems')).toBe(4_000);
      expect(serverEnvironment(config.settings, 'ledger')).toEqual({});
      expect(serverEnvironment(config.settings, 'router')).toEqual({});
    },
  );

  test('all of regions but their names', () => {
    const { topology } = parse('regions: [eu-west, us-east, moon]');
    expect(topology).toEqual({
      regions: ['eu-west', 'us-east', 'moon'],
      books: [
        { number: 1, name: 'eu-west-1', region: 'eu-west', copies: ['eu-west', 'us-east', 'moon'] },
        { number: 2, name: 'us-east-1', region: 'us-east', copies: ['us-east', 'eu-west', 'moon'] },
        { number: 3, name: 'moon-1', region: 'moon', copies: ['moon', 'eu-west', 'us-east'] },
      ],
      delays: { 'eu-west~us-east': 30, 'eu-west~moon': 50, 'us-east~moon': 50 },
    });
  });
});

test('everything that a file can have is read', () => {
  const config = parse(`
regions: [a, b, c, d]
books:
  - { number: 30, name: a-2, region: a, copies: [c, a, d] }
  - { number: 1, name: a-1, region: a }
  - { number: 2, name: b-1, region: b }
  - { number: 3, name: c-1, region: c }
  - { number: 32767, name: d-1, region: d }
delays: { b~a: 5.5, a~d: 0 }
profile: replicated
basePort: 9000
data: ../ledger-data
settings:
  logLevel: debug
  ledger: { batchItems: 2000 }
`);
  expect(config.topology.books.map(({ number }) => number)).toEqual([1, 2, 3, 30, 32_767]);
  expect(config.topology.books[3]?.copies).toEqual(['a', 'c', 'd']);
  expect(config.topology.books[0]?.copies).toEqual(['a', 'd', 'b']);
  expect(config.topology.delays).toMatchObject({ 'a~b': 5.5, 'a~d': 0, 'c~d': 50 });
  expect(config).toMatchObject({ profile: 'replicated', basePort: 9_000 });
  expect(config.data).toBe('/etc/ledger-data');
  expect(serverEnvironment(config.settings, 'ledger')).toEqual({
    MERIDIAN_LOG_LEVEL: 'debug',
    MERIDIAN_LEDGER_BATCH_ITEMS: '2000',
  });
  expect(serverEnvironment(config.settings, 'router')).toEqual({ MERIDIAN_LOG_LEVEL: 'debug' });
});

test('everything that is wrong is listed at once, with its line and the name that was meant', () => {
  const text = `region: [a]
regions:
  - eu-west
  - us-east
  - eu-west
  - run
books:
  - number: 0
    name: eu-west-1
    region: eu-west
  - number: 2
    name: us-east-1
    region: us-est
    copie: [us-east]
  - { number: 3, name: UPPER, region: us-esat, copies: [mars, us-east, us-east] }
delays:
  eu-west~us-east: -1
  eu-west~mars: 1
  eu-west: 3
basePort: 80
profile: both
settings:
  ledgr: {}
  ledger:
    batchItms: 5
    batchItems: 50
    queueItems: many
`;
  expect(problemsOf(text)).toEqual([
    'meridian.yaml:1: region: is not known; did you mean regions?',
    'meridian.yaml:5: regions[2]: eu-west is listed twice',
    'meridian.yaml:6: regions[3]: run is the name of another folder',
    'meridian.yaml:8: books[0].number: must be at least 1',
    'meridian.yaml:13: books[1].region: there is no region us-est; did you mean us-east?',
    'meridian.yaml:14: books[1].copie: is not known; did you mean copies?',
    expect.stringMatching(/^meridian.yaml:15: books\[2\].name: must be a name such as eu-west/u),
    'meridian.yaml:15: books[2].region: there is no region us-esat; did you mean us-east?',
    'meridian.yaml:15: books[2].copies[0]: there is no region mars',
    'meridian.yaml:15: books[2].copies[2]: us-east is listed twice',
    'meridian.yaml:17: delays.eu-west~us-east: must be 0 to 1000 milliseconds, one way',
    'meridian.yaml:18: delays.eu-west~mars: there is no region mars',
    'meridian.yaml:19: delays.eu-west: must name two regions, such as eu-west~us-east',
    'meridian.yaml:20: basePort: must be a whole number from 1024 to 65400',
    'meridian.yaml:21: profile: must be one of embedded, replicated',
    'meridian.yaml:23: settings.ledgr: is not known; did you mean ledger?',
    'meridian.yaml:25: settings.ledger.batchItms: is not known; did you mean batchItems?',
    'meridian.yaml:26: settings.ledger.batchItems: must be 100 to 16000 items',
    'meridian.yaml:27: settings.ledger.queueItems: must be a whole number, 64000 to 1000000 items',
  ]);
});

const book = (text: string) => `regions: [a, b]
books:
  - { number: 1, name: a-1, region: a }
  - { number: 2, name: b-1, region: b }
  - ${text}`;

test.each([
  ['a number twice', book('{ number: 2, name: a-2, region: a }'), '2 is the number of b-1 as well'],
  ['a name twice', book('{ number: 3, name: b-1, region: a }'), 'b-1 is the name of two books'],
  ['a region that is not there', book('{ number: 3, name: a-2, region: c }'), 'no region c'],
  [
    'copies without home',
    book('{ number: 3, name: a-2, region: a, copies: [b] }'),
    'must contain a',
  ],
  ['a copy twice', book('{ number: 3, name: a-2, region: a, copies: [a, a] }'), 'listed twice'],
  ['no number', book('{ name: a-2, region: a }'), 'books[2].number: is missing'],
  ['half a number', book('{ number: 3.5, name: a-2, region: a }'), 'must be a whole number'],
  ['a number as text', book('{ number: "3", name: a-2, region: a }'), 'must be a whole number'],
  ['too large a number', book('{ number: 32768, name: a-2, region: a }'), 'must be at most 32767'],
  ['no book', 'regions: [a, b]\nbooks: [{ number: 1, name: a-1, region: a }]', 'b homes no book'],
  ['no region', 'regions: []', 'must be a list of names'],
  ['one region as text', 'regions: eu-west', 'must be a list of names'],
  ['eight regions', 'regions: [a, b, c, d, e, f, g, h]', 'must be at most 7 regions'],
  ['a pair twice', 'regions: [a, b]\ndelays: { a~b: 1, b~a: 1 }', 'is given twice'],
  ['a list for a map', 'delays: [30]', 'must be milliseconds by pair'],
  ['a list of sections', '- regions', 'must be a map with regions'],
  ['a key twice', 'basePort: 8000\nbasePort: 9000', 'Map keys must be unique'],
  ['no YAML', 'regions: [a', 'meridian.yaml:1'],
  ['two documents', 'basePort: 8000\n---\nbasePort: 9000', 'multiple documents'],
  ['an alias to nothing', 'regions: *all', 'all'],
])('%s is refused', (_, text, expected) => {
  expect(problemsOf(text).join('\n')).toContain(expected);
});

test.each([
  ['two regions', 'regions: [a, b]', 'it needs at least 3 regions'],
  [
    'a name that is too long',
    `regions: [a, b, ${'c'.repeat(40)}]
books:
  - { number: 1, name: a-1, region: a }
  - { number: 2, name: b-1, region: b }
  - { number: 3, name: ${'c'.repeat(40)}, region: ${'c'.repeat(40)} }`,
    'longer than 63 characters',
  ],
])('the replicated profile refuses %s', (_, text, expected) => {
  expect(problemsOf(text, {}, { profile: 'replicated' }).join('\n')).toContain(expected);
});

describe('precedence', () => {
  const text = 'settings: { ledger: { batchItems: 2000, queueMib: 16 } }';

  test('the environment overrides the file, and the file the default', () => {
    const env = { MERIDIAN_LEDGER_BATCH_ITEMS: '3000', MERIDIAN_ROUTER_BATCHES: '8' };
    const { settings } = parse(text, env);
    const shown = (key: string) => {
      const { value, source, byDefault } = settings.get(key) ?? {};
      return [value, source, byDefault];
    };
    expect(shown('ledger.batchItems')).toEqual([3_000, 'environment', 4_000]);
    expect(shown('ledger.queueMib')).toEqual([16, 'file', 32]);
    expect(shown('router.batches')).toEqual([8, 'environment', 4]);
    expect(shown('ledger.queueItems')).toEqual([64_000, 'default', 64_000]);
    expect(shown('supervisor.postgresBuffersMib')).toEqual([1_024, 'derived', 1_024]);
  });

  test('a variable that is wrong is named, and so is the value of the file that it hides', () => {
    const wrong = 'settings: { ledger: { batchItems: 1 } }';
    expect(problemsOf(wrong, { MERIDIAN_LEDGER_BATCH_ITEMS: '-3' })).toEqual([
      'meridian.yaml:1: settings.ledger.batchItems: must be 100 to 16000 items',
      'MERIDIAN_LEDGER_BATCH_ITEMS: must be a whole number, 100 to 16000 items',
    ]);
  });

  test('a variable that is misspelt is named, and one that is no setting is not looked at', () => {
    const env = {
      MERIDIAN_LEDGER_BATCH_ITEM: '3000',
      MERIDIAN_LEDGER_PASSWORD: 'x',
      MERIDIAN_X: '',
    };
    expect(problemsOf('', env)).toEqual([
      'MERIDIAN_LEDGER_BATCH_ITEM: is not a variable of a setting; did you mean MERIDIAN_LEDGER_BATCH_ITEMS?',
    ]);
  });

  test('a file is named by argument, by the environment, or is here', () => {
    const folder = testFolder();
    const one = join(folder, 'one.yaml');
    const two = join(folder, 'two.yaml');
    writeFileSync(one, 'basePort: 8001');
    writeFileSync(two, 'basePort: 8002');
    expect(loadConfig(one, { MERIDIAN_CONFIG: two }).basePort).toBe(8_001);
    expect(loadConfig(undefined, { MERIDIAN_CONFIG: two }).basePort).toBe(8_002);
    expect(loadConfig(undefined, {})).toMatchObject({ file: undefined, basePort: 7_400 });
    expect(() => loadConfig(join(folder, 'none.yaml'), {})).toThrow(/cannot be read: ENOENT/u);
  });
});

test('what only the replicated profile cannot run is wrong only with it', () => {
  const two = 'regions: [eu-west, us-east]';
  expect(problemsOf(two)).toEqual([]);
  const replicated = problemsOf(two, {}, { profile: 'replicated' });
  expect(replicated).toEqual([expect.stringContaining('at least 3 regions and there are 2')]);
});
