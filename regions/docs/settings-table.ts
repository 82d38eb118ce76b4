import { acceptedBy, type Setting, variableOf } from '../config/setting.ts';
import { settings } from '../config/settings.ts';

/** The part of configuration.md that is made of the list of settings. */

export const BEGIN = '<!-- settings:begin -->';
export const END = '<!-- settings:end -->';

/** Defaults that follow from the machine, in words. */
const DERIVED: Readonly<Record<string, string>> = {
  'supervisor.ledgerHeapMib': 'a fifth of the memory / ledger servers, 192 to 320',
  'supervisor.routerHeapMib': 'a sixth of the memory / regions, 192 to 768',
  'supervisor.redisMib': '1/32 of the memory / regions, 96 to 256 a book',
  'supervisor.postgresBuffersMib': 'an eighth of the memory / Postgres servers, 32 to 1024',
  'supervisor.postgresWalMib': '4096; replicated profile: 512',
  'supervisor.postgresCheckpointSeconds': '900; replicated profile: 300',
  'supervisor.postgresConnections': '100, more from the fifth book of a region on',
};

function row(setting: Setting): string {
  const { key, of, byDefault, help } = setting;
  const initial = DERIVED[key] ?? String(byDefault);
  const cells = [`\`${key}\``, of, initial, acceptedBy(setting), help, `\`${variableOf(key)}\``];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

/** A table in Markdown, without the spaces that the formatter adds. */
export function settingsTable(): string {
  const heading = ['setting', 'of', 'default', 'accepts', 'meaning', 'variable'];
  const lines = [`| ${heading.join(' | ')} |`, `|${' --- |'.repeat(heading.length)}`];
  return [...lines, ...settings.map(row)].join('\n');
}

/** The page with its table as the list of settings is now. */
export function withSettings(page: string): string {
  const [before = '', rest = ''] = page.split(BEGIN);
  const after = rest.split(END)[1] ?? '';
  return `${before}${BEGIN}\n\n${settingsTable()}\n\n${END}${after}`;
}
