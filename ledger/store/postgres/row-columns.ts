import type { JournalRow } from '../../core/journal-row.ts';
import { idsLiteral, numbersLiteral, textsLiteral } from './array-literal.ts';

/** A column of the journal and its values, one for each row, as an array literal. */
export interface JournalColumn {
  readonly name: string;
  readonly type: string;
  readonly literal: string;
}

/** The columns of a batch's rows that have a value in any of them. */
export function rowColumns(rows: readonly JournalRow[]): JournalColumn[] {
  return [...requiredColumns(rows), ...optionalColumns(rows), ...detailColumns(rows)];
}

/** Written in one pass over the rows: this is where a large batch spends most of its text. */
function requiredColumns(rows: readonly JournalRow[]): JournalColumn[] {
  let [ids, kinds, reasons, debits, credits, amounts] = ['', '', '', '', '', ''];
  let [debitVersions, creditVersions] = ['', ''];
  let [debitDebits, debitCredits, creditDebits, creditCredits] = ['', '', '', ''];
  let comma = '';
  for (const { id, kind, reason, debitAccount, creditAccount, amount, entries } of rows) {
    ids += comma + id;
    kinds += comma + kind;
    reasons += comma + reason;
    debits += comma + (debitAccount ?? NULL);
    credits += comma + (creditAccount ?? NULL);
    amounts += comma + (amount ?? NULL);
    debitVersions += comma + (entries?.debitVersion ?? NULL);
    creditVersions += comma + (entries?.creditVersion ?? NULL);
    debitDebits += comma + (entries?.debitDebits ?? NULL);
    debitCredits += comma + (entries?.debitCredits ?? NULL);
    creditDebits += comma + (entries?.creditDebits ?? NULL);
    creditCredits += comma + (entries?.creditCredits ?? NULL);
    comma = ',';
  }
  return [
    column('id', 'uuid', ids),
    column('kind', 'int2', kinds),
    column('reason', 'int2', reasons),
    column('debit_account', 'int8', debits),
    column('credit_account', 'int8', credits),
    column('amount', 'int8', amounts),
    column('debit_version', 'int8', debitVersions),
    column('credit_version', 'int8', creditVersions),
    column('debit_debits', 'int8', debitDebits),
    column('debit_credits', 'int8', debitCredits),
    column('credit_debits', 'int8', creditDebits),
    column('credit_credits', 'int8', creditCredits),
  ];
}

const column = (name: string, type: string, items: string): JournalColumn => ({
  name,
  type,
  literal: `{${items}}`,
});

/** As an element of an array literal. */
const NULL = 'NULL';

/** Columns that most batches leave empty altogether: then they are not sent at all. */
function optionalColumns(rows: readonly JournalRow[]): JournalColumn[] {
  const columns: JournalColumn[] = [];
  const texts = (name: string, type: string, of: (row: JournalRow) => string) => {
    const values = rows.map(of);
    if (values.every((value) => value === '')) return;
    columns.push({ name, type, literal: textsLiteral(values) });
  };
  if (rows.some((row) => row.peer !== null)) {
    const numbers = (
      name: string,
      type: string,
      of: (row: JournalRow) => number | bigint | null | undefined,
    ) => {
      const literal = numbersLiteral(rows.map((row) => of(row) ?? null));
      columns.push({ name, type, literal });
    };
    numbers('peer_account', 'int8', (row) => row.peer?.account);
    numbers('peer_book', 'int2', (row) => row.peer?.book);
    numbers('channel_number', 'int8', (row) => row.peer?.number);
    columns.push({
      name: 'origin_id',
      type: 'uuid',
      literal: idsLiteral(rows.map((row) => row.originId)),
    });
  }
  if (rows.some((row) => row.entries !== null && row.entries.held !== null)) {
    columns.push(...heldColumns(rows));
  }
  texts('namespace', 'text', (row) => row.namespace);
  texts('key', 'text', (row) => row.key);
  texts('asset', 'text', (row) => row.asset);
  texts('reference', 'text', (row) => row.reference);
  texts('metadata', 'jsonb', (row) => json(row.metadata));
  if (rows.some((row) => row.code !== 0)) {
    const literal = numbersLiteral(rows.map((row) => (row.code === 0 ? null : row.code)));
    columns.push({ name: 'code', type: 'int4', literal });
  }
  return columns;
}

type Value = number | bigint | null | undefined;

function numberColumn<T>(
  name: string,
  type: string,
  items: readonly T[],
  of: (item: T) => Value,
): JournalColumn {
  return { name, type, literal: numbersLiteral(items.map((item) => of(item) ?? null)) };
}

function heldColumns(rows: readonly JournalRow[]): JournalColumn[] {
  const held = rows.map(({ entries }) => entries?.held);
  return [
    numberColumn('debit_held_debits', 'int8', held, (item) => item?.debitHeldDebits),
    numberColumn('debit_held_credits', 'int8', held, (item) => item?.debitHeldCredits),
    numberColumn('credit_held_debits', 'int8', held, (item) => item?.creditHeldDebits),
    numberColumn('credit_held_credits', 'int8', held, (item) => item?.creditHeldCredits),
  ];
}

function idColumn(name: string, values: readonly (string | null)[]): JournalColumn {
  return { name, type: 'uuid', literal: idsLiteral(values) };
}

function textColumn(name: string, values: readonly string[]): JournalColumn {
  return { name, type: 'text', literal: textsLiteral(values) };
}

/** Columns that plain transfers lack: a batch of only those sends none of them. */
function detailColumns(rows: readonly JournalRow[]): JournalColumn[] {
  if (rows.every((row) => row.details === null)) return [];
  const details = rows.map((row) => row.details);
  const columns = [
    idColumn(
      'drawn_id',
      details.map((item) => item?.drawn?.id ?? null),
    ),
    numberColumn('drawn_left', 'int8', details, (item) => item?.drawn?.left),
    idColumn(
      'group_id',
      details.map((item) => item?.groupId ?? null),
    ),
    textColumn(
      'options',
      details.map((item) => item?.options ?? ''),
    ),
  ];
  if (details.some((item) => item !== null && item.expiresAtMicros !== null)) {
    columns.push(
      timestampColumn(
        'expires_at',
        details.map((item) => item?.expiresAtMicros ?? null),
      ),
    );
  }
  if (details.some((item) => item !== null && item.by !== '')) {
    const settings = details.map((item) => item?.settings);
    columns.push(
      textColumn(
        'changed_by',
        details.map((item) => item?.by ?? ''),
      ),
      numberColumn('account_flags', 'int2', settings, (item) => item?.flags),
      numberColumn('min_balance', 'int8', settings, (item) => item?.minBalance),
      numberColumn('max_balance', 'int8', settings, (item) => item?.maxBalance),
    );
  }
  return columns;
}

/** Microseconds since 1970 in the text form that loses none of them. */
function timestampColumn(name: string, micros: readonly (number | null)[]): JournalColumn {
  const items = micros.map((value) => {
    if (value === null) return NULL;
    const millis = Math.floor(value / 1000);
    const rest = String(value - millis * 1000).padStart(3, '0');
    return `"${new Date(millis).toISOString().slice(0, -1)}${rest}Z"`;
  });
  return { name, type: 'timestamptz', literal: `{${items.join(',')}}` };
}

/** Metadata as stored; '' (stored as NULL) if there are none. */
export function json(metadata: Readonly<Record<string, string>>): string {
  for (const _ in metadata) return JSON.stringify(metadata);
  return '';
}
