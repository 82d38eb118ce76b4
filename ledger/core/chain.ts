import { createHash } from 'node:crypto';
import { type JournalRow, NO_DETAILS } from './journal-row.ts';

/**
 * The hash chain. A batch's value is SHA-256 over the value before it (32 bytes) and then one
 * line per row; it is stored on the batch's last row and in the head. Changing, dropping,
 * adding or reordering a row requires recomputing every value after it, and the head of each copy.
 *
 * A line is the row's columns in the order of the table, each followed by `|` and the line by
 * a line feed. Numbers are decimal, `at` is microseconds since 1970, absent numbers and ids are
 * empty. Text is preceded by its length in UTF-16 units and `:`, so that no content can be
 * taken for a separator; metadata is the text of its names and values, sorted by name.
 *
 * Rows with `details` or `held` have a second part after `at|`, in the same manner: holds and what
 * draws on them, groups and their legs, reversals, transfers with options, changes of accounts,
 * registered assets, repairs. A plain transfer and an opening have none.
 */
export const CHAIN_START = Buffer.alloc(32);

/** Value of the chain after a batch. `rows` in order of seq, all of one batch, not empty. */
export function chainAfter(before: Uint8Array, rows: readonly JournalRow[]): Buffer {
  const hash = createHash('sha256').update(before);
  let lines = '';
  for (const row of rows) lines += chainLine(row);
  return hash.update(lines).digest();
}

/** The line of one row. */
export function chainLine(row: JournalRow): string {
  const { entries, peer } = row;
  const versions =
    entries === null
      ? '||||||'
      : `${entries.debitVersion ?? ''}|${entries.creditVersion ?? ''}|` +
        `${entries.debitDebits ?? ''}|${entries.debitCredits ?? ''}|` +
        `${entries.creditDebits ?? ''}|${entries.creditCredits ?? ''}|`;
  const far = peer === null ? '|||' : `${peer.account}|${peer.book}|${peer.number ?? ''}|`;
  return (
    `${row.seq}|${row.epoch}|${row.id}|${row.kind}|${row.reason}|` +
    `${row.debitAccount ?? ''}|${row.creditAccount ?? ''}|${row.amount ?? ''}|${versions}${far}` +
    `${row.originId ?? ''}|${text(row.namespace)}${text(row.key)}${text(row.asset)}` +
    `${row.code}|${text(row.reference)}${metadataText(row.metadata)}${row.atMicros}|` +
    `${secondPart(row)}\n`
  );
}

function secondPart({ entries, details }: JournalRow): string {
  const held = entries?.held ?? null;
  if (held === null && details === null) return '';
  const totals =
    held === null
      ? '||||'
      : `${held.debitHeldDebits}|${held.debitHeldCredits}|` +
        `${held.creditHeldDebits}|${held.creditHeldCredits}|`;
  const { drawn, groupId, expiresAtMicros, options, by, settings } = details ?? NO_DETAILS;
  const changed =
    settings === null
      ? '|||'
      : `${settings.flags}|${settings.minBalance ?? ''}|${settings.maxBalance ?? ''}|`;
  return (
    `${totals}${drawn?.id ?? ''}|${drawn?.left ?? ''}|${groupId ?? ''}|` +
    `${expiresAtMicros ?? ''}|${text(options)}${text(by)}${changed}`
  );
}

/** Text preceded by its length. */
export function text(value: string): string {
  return value === '' ? '0:|' : `${value.length}:${value}|`;
}

/** Names and values of metadata, sorted by name. */
export function metadataText(metadata: Readonly<Record<string, string>>): string {
  const names = Object.keys(metadata);
  if (names.length === 0) return '0:|';
  names.sort();
  return text(names.map((name) => text(name) + text(metadata[name] ?? '')).join(''));
}
