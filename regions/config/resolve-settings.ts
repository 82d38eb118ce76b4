import { rules } from './rules.ts';
import { derivedTuning, type Scale } from './scale.ts';
import {
  objectionTo,
  type Setting,
  type SettingValue,
  valueOfText,
  variableOf,
} from './setting.ts';
import { settings } from './settings.ts';

/** The value of every setting: of the environment, else of the file, else derived, else default. */

export type Source = 'environment' | 'file' | 'derived' | 'default';

export interface Resolved {
  readonly setting: Setting;
  readonly value: SettingValue;
  readonly source: Source;
  /** What it would be if neither the file nor the environment had it. */
  readonly byDefault: SettingValue;
}

export type ResolvedSettings = ReadonlyMap<string, Resolved>;

/** Reports what is wrong with a setting, or with the combination that `key` is part of. */
export type ReportSetting = (key: string, source: Source, message: string) => void;

export interface SettingSources {
  /** By key, as the file has them; keys that are no settings are not looked at. */
  readonly file: ReadonlyMap<string, unknown>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly scale: Scale;
}

/** A value that was reported stands as its default, so that the rest can be checked. */
export function resolveSettings(sources: SettingSources, report: ReportSetting): ResolvedSettings {
  const derived = new Map<string, SettingValue>(
    Object.entries(derivedTuning(sources.scale)).map(([name, value]) => [
      `supervisor.${name}`,
      value,
    ]),
  );
  const resolved = new Map(
    settings.map((setting) => {
      const { key } = setting;
      const byDefault = derived.get(key) ?? setting.byDefault;
      const source = derived.has(key) ? 'derived' : 'default';
      const given = givenValue(setting, sources, report);
      return [key, { setting, byDefault, value: byDefault, source, ...given } as const];
    }),
  );
  checkRules(resolved, sources.scale, report);
  return resolved;
}

/** The value that the environment or the file has; both must be acceptable. */
function givenValue(
  setting: Setting,
  { file, env }: SettingSources,
  report: ReportSetting,
): Pick<Resolved, 'value' | 'source'> | undefined {
  const { key } = setting;
  const text = env[variableOf(key)];
  const given: readonly [Source, unknown][] = [
    ['environment', text === undefined ? undefined : valueOfText(setting, text)],
    ['file', file.get(key)],
  ];
  let found: Pick<Resolved, 'value' | 'source'> | undefined;
  for (const [source, value] of given) {
    if (value === undefined) continue;
    const objection = objectionTo(setting, value);
    if (objection !== undefined) report(key, source, objection);
    else if (typeof value === 'number' || typeof value === 'string') found ??= { value, source };
  }
  return found;
}

function checkRules(resolved: ResolvedSettings, scale: Scale, report: ReportSetting): void {
  const of = (key: string) => Number(resolved.get(key)?.value);
  for (const { keys, objection } of rules) {
    const why = objection({ of, scale });
    if (why === undefined) continue;
    // Named by the setting that was chosen; one of them was, or the defaults contradict each other.
    const chosen = keys.map((key) => resolved.get(key)).filter((one) => one !== undefined);
    const blamed =
      chosen.find(({ source }) => source === 'environment' || source === 'file') ?? chosen[0];
    report(blamed?.setting.key ?? '', blamed?.source ?? 'default', why);
  }
}

/** The value of a number setting. Throws if there is no such setting. */
export function numberOf(resolved: ResolvedSettings, key: string): number {
  const value = resolved.get(key)?.value;
  if (typeof value !== 'number') throw new Error(`${key} is no setting with a number`);
  return value;
}

/** The environment that hands a server its settings; those that are as the server has them are left out. */
export function serverEnvironment(
  resolved: ResolvedSettings,
  server: 'ledger' | 'router',
): Record<string, string> {
  const given = [...resolved.values()].filter(
    ({ setting, value }) =>
      (setting.of === server || setting.of === 'both') && value !== setting.byDefault,
  );
  return Object.fromEntries(
    given.map(({ setting, value }) => [variableOf(setting.key), String(value)]),
  );
}
