/** What a setting is, how its text becomes a value, and how a value is written. */

export type SettingValue = number | string;

interface Common {
  /** Path in the section `settings` of meridian.yaml, such as ledger.batchItems. */
  readonly key: string;
  /** The program that the setting changes. */
  readonly of: 'ledger' | 'router' | 'both' | 'supervisor';
  /** One line for operators. */
  readonly help: string;
}

/** A whole number within bounds. */
export interface NumberSetting extends Common {
  readonly kind: 'number';
  readonly byDefault: number;
  readonly min: number;
  readonly max: number;
  /** Such as ms, MiB or items. */
  readonly unit: string;
}

/** One of a few words. */
export interface ChoiceSetting extends Common {
  readonly kind: 'choice';
  readonly byDefault: string;
  readonly choices: readonly string[];
}

export type Setting = NumberSetting | ChoiceSetting;

/** The variable that overrides a setting: `ledger.batchItems` is MERIDIAN_LEDGER_BATCH_ITEMS. */
export function variableOf(key: string): string {
  const words = key.replaceAll('.', '_').replaceAll(/[A-Z]/gu, (letter) => `_${letter}`);
  return `MERIDIAN_${words.toUpperCase()}`;
}

/** What a setting accepts, in words: "100 to 16000 items". */
export function acceptedBy(setting: Setting): string {
  if (setting.kind === 'choice') return setting.choices.join(', ');
  return `${setting.min} to ${setting.max} ${setting.unit}`;
}

/** What is wrong with a value, as a sentence without its subject; undefined: it is accepted. */
export function objectionTo(setting: Setting, value: unknown): string | undefined {
  if (setting.kind === 'choice') {
    const accepted = typeof value === 'string' && setting.choices.includes(value);
    return accepted ? undefined : `must be one of ${setting.choices.join(', ')}`;
  }
  const { min, max, unit } = setting;
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    return `must be a whole number, ${min} to ${max} ${unit}`;
  }
  return value < min || value > max ? `must be ${min} to ${max} ${unit}` : undefined;
}

/** The value that a text of the environment stands for; what it cannot stand for stays text. */
export function valueOfText(setting: Setting, text: string): SettingValue {
  return setting.kind === 'number' && /^\d{1,15}$/u.test(text) ? Number(text) : text;
}
