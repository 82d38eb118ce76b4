import { type LedgerTuning, ledgerTuning } from '../../ledger/ledger-tuning.ts';
import { type RouterTuning, routerTuning } from '../../router/router-tuning.ts';
import { rules } from './rules.ts';
import { objectionTo, type SettingValue, valueOfText, variableOf } from './setting.ts';
import { settings } from './settings.ts';

/** The settings that a server reads from its own environment. */

export interface ServerSettings<Tuning> {
  readonly logLevel: string;
  readonly tuning: Tuning;
  /** What is wrong, a sentence each that names the variable. */
  readonly problems: readonly string[];
}

type Env = Readonly<Record<string, string | undefined>>;

export const ledgerSettings = (env: Env): ServerSettings<LedgerTuning> =>
  readSettings('ledger', ledgerTuning, env);

export const routerSettings = (env: Env): ServerSettings<RouterTuning> =>
  readSettings('router', routerTuning, env);

function readSettings<Tuning extends LedgerTuning | RouterTuning>(
  server: 'ledger' | 'router',
  defaults: Tuning,
  env: Env,
): ServerSettings<Tuning> {
  const problems: string[] = [];
  const values = new Map<string, SettingValue>();
  for (const setting of settings.filter(({ of }) => of === server || of === 'both')) {
    const text = env[variableOf(setting.key)];
    const value = text === undefined ? setting.byDefault : valueOfText(setting, text);
    const objection = objectionTo(setting, value);
    if (objection !== undefined) problems.push(`${variableOf(setting.key)}: ${objection}`);
    values.set(setting.key, objection === undefined ? value : setting.byDefault);
  }
  for (const { keys, objection } of rules) {
    // The rest is known to the supervisor alone.
    if (!keys.every((key) => values.has(key))) continue;
    const why = objection({ of: (key) => Number(values.get(key)), scale: undefined });
    if (why !== undefined) problems.push(why);
  }
  const given = Object.keys(defaults).map((name) => [name, values.get(`${server}.${name}`)]);
  const tuning = { ...defaults, ...Object.fromEntries(given) };
  return { logLevel: String(values.get('logLevel')), tuning, problems };
}
