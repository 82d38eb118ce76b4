import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { defaultBasePort, defaultDataDir, describeLayout } from '../topology/layout.ts';
import { describeReplicated } from '../topology/replicated-layout.ts';
import { topologyProblems } from '../topology/topology-problems.ts';
import { defaultTopology, type Topology } from '../topology/topology.ts';
import { replicatedProblems } from '../topology/replicated-problems.ts';
import { parseTopology, unknownKey } from './parse-topology.ts';
import { ConfigError, type Problem, suggestion, UnreadableConfigError } from './problem.ts';
import { type ResolvedSettings, resolveSettings } from './resolve-settings.ts';
import { machineMemoryMib, type Profile, scaleOf } from './scale.ts';
import { variableOf } from './setting.ts';
import { settings } from './settings.ts';
import { unknownVariables, variableNames } from './variables.ts';
import { parseYaml, type YamlPath, type YamlSource } from './yaml-source.ts';

/** The configuration of an installation: meridian.yaml, the environment, and defaults. */

export const CONFIG_FILE = 'meridian.yaml';
const FILE_VARIABLE = 'MERIDIAN_CONFIG';
const PROFILES: readonly Profile[] = ['embedded', 'replicated'];
const SECTIONS = ['regions', 'books', 'delays', 'profile', 'basePort', 'data', 'settings'];

export interface Config {
  /** Path of the file; undefined: there is none, and everything is as by default. */
  readonly file: string | undefined;
  readonly topology: Topology;
  readonly profile: Profile;
  readonly basePort: number;
  /** The data folder. A relative path in the file is seen from the folder of the file. */
  readonly data: string;
  readonly settings: ResolvedSettings;
}

export interface ConfigOptions {
  /** Overrides the profile of the file, for what follows from it. */
  readonly profile?: Profile | undefined;
  /** Default: that of this machine. */
  readonly memoryMib?: number | undefined;
}

type Env = Readonly<Record<string, string | undefined>>;

/** The file that counts: `path`, else MERIDIAN_CONFIG, else meridian.yaml if it is here. */
export function configFile(path: string | undefined, env: Env): string | undefined {
  const named = path ?? env[FILE_VARIABLE];
  if (named !== undefined && named !== '') return resolve(named);
  return existsSync(CONFIG_FILE) ? resolve(CONFIG_FILE) : undefined;
}

/**
 * The configuration of the file that counts.
 *
 * @throws ConfigError with everything that is wrong with it
 * @throws UnreadableConfigError if a file was named and cannot be read
 */
export function loadConfig(
  path: string | undefined,
  env: Env,
  options: ConfigOptions = {},
): Config {
  const file = configFile(path, env);
  if (file === undefined) return parseConfig('', undefined, env, options);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const message = `the file cannot be read: ${why}`;
    throw new UnreadableConfigError(file, [{ path: '', line: undefined, message }]);
  }
  return parseConfig(text, file, env, options);
}

/** The same of a text. @throws ConfigError */
export function parseConfig(
  text: string,
  file: string | undefined,
  env: Env,
  options: ConfigOptions = {},
): Config {
  const source = parseYaml(text);
  const problems: Problem[] = [...source.problems];
  const report = (path: YamlPath, message: string) => {
    problems.push({ path: pathText(path), line: source.lineOf(path), message });
  };
  const content = contentOf(source, report);
  const topology = parseTopology(content, report);
  const common = parseCommon(content, file, report);
  const profile = options.profile ?? common.profile;
  const scale = scaleOf(
    topology ?? defaultTopology,
    profile,
    options.memoryMib ?? machineMemoryMib(),
  );
  const given = fileSettings(content['settings'], report);
  const resolved = resolveSettings({ file: given, env, scale }, (key, from, message) => {
    if (from === 'file') report(['settings', ...key.split('.')], message);
    else problems.push({ path: variableOf(key), line: undefined, message });
  });
  for (const name of unknownVariables(env)) {
    const message = `is not a variable of a setting${suggestion(name, variableNames)}`;
    problems.push({ path: name, line: undefined, message });
  }
  if (topology !== undefined) {
    for (const [path, message] of layoutProblems(topology, profile, common.basePort)) {
      report(path, message);
    }
  }
  if (problems.length > 0 || topology === undefined) throw new ConfigError(file, byLine(problems));
  return { file, topology, ...common, profile, settings: resolved };
}

function contentOf(
  { value, problems }: YamlSource,
  report: (path: YamlPath, message: string) => void,
): Readonly<Record<string, unknown>> {
  if (problems.length > 0 || value === undefined || value === null) return {};
  if (!isRecord(value)) {
    report([], `must be a map with ${SECTIONS.join(', ')}`);
    return {};
  }
  for (const key of Object.keys(value)) {
    if (!SECTIONS.includes(key)) report([key], unknownKey(key, SECTIONS));
  }
  return value;
}

function parseCommon(
  { profile, basePort, data }: Readonly<Record<string, unknown>>,
  file: string | undefined,
  report: (path: YamlPath, message: string) => void,
): Pick<Config, 'profile' | 'basePort' | 'data'> {
  const isPort =
    typeof basePort === 'number' &&
    Number.isInteger(basePort) &&
    basePort >= 1_024 &&
    basePort <= 65_400;
  if (isGiven(basePort) && !isPort) {
    report(['basePort'], 'must be a whole number from 1024 to 65400');
  }
  const known = PROFILES.find((one) => one === profile);
  if (isGiven(profile) && known === undefined) {
    report(['profile'], `must be one of ${PROFILES.join(', ')}`);
  }
  const isFolder = typeof data === 'string' && data !== '';
  if (isGiven(data) && !isFolder) report(['data'], 'must be the path of a folder');
  return {
    profile: known ?? 'embedded',
    basePort: isPort ? basePort : defaultBasePort,
    data: isFolder ? resolve(file === undefined ? '.' : dirname(file), data) : defaultDataDir(),
  };
}

/** The settings of the file by key. */
function fileSettings(
  section: unknown,
  report: (path: YamlPath, message: string) => void,
): ReadonlyMap<string, unknown> {
  const found = new Map<string, unknown>();
  const keys = settings.map(({ key }) => key);
  const groups = [...new Set(keys.map((key) => key.split('.')[0] ?? ''))];
  if (!isGiven(section)) return found;
  if (!isRecord(section)) {
    report(['settings'], `must be a map with ${groups.join(', ')}`);
    return found;
  }
  for (const [group, content] of Object.entries(section)) {
    if (!groups.includes(group)) report(['settings', group], unknownKey(group, groups));
    else if (keys.includes(group)) found.set(group, content);
    else if (isRecord(content)) {
      for (const [name, value] of Object.entries(content)) {
        const key = `${group}.${name}`;
        if (keys.includes(key)) found.set(key, value);
        else report(['settings', group, name], unknownSetting(name, group, keys));
      }
    } else if (isGiven(content)) report(['settings', group], 'must be a map of settings');
  }
  return found;
}

function unknownSetting(name: string, group: string, keys: readonly string[]): string {
  const names = keys.filter((key) => key.startsWith(`${group}.`)).map((key) => key.split('.')[1]);
  return unknownKey(
    name,
    names.filter((one) => one !== undefined),
  );
}

/** What keeps the profile from running the topology on this machine. */
function layoutProblems(
  topology: Topology,
  profile: Profile,
  basePort: number,
): readonly (readonly [YamlPath, string])[] {
  const ofProfile = profile === 'replicated' ? replicatedProblems(topology) : [];
  const problems = [
    ...ofProfile.map((text) => [['regions'], text] as const),
    ...topologyProblems(topology).map((text) => [['books'], text] as const),
  ];
  if (problems.length > 0) return problems;
  try {
    if (profile === 'replicated') describeReplicated(topology, basePort);
    else describeLayout({ topology, basePort });
    return [];
  } catch (error) {
    return [[['basePort'], error instanceof Error ? error.message : String(error)]];
  }
}

/** A key without a value, such as one whose lines are comments, is as good as no key. */
function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function pathText(path: YamlPath): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    return text === '' ? step : `${text}.${step}`;
  }, '');
}

function byLine(problems: readonly Problem[]): Problem[] {
  return problems.toSorted((a, b) => (a.line ?? Infinity) - (b.line ?? Infinity));
}
