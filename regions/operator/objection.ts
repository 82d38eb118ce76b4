/** What may stand against a change: stable codes for programs, explained in docs/runbook.md. */
export const objectionCodes = [
  // The change itself.
  'NO_COPY_IN_REGION',
  'LED_THERE_ALREADY',
  'FENCED_ALREADY',
  'NOT_FENCED',
  'NOT_DRAINED',
  'NOTHING_TO_FAIL_BACK',
  'LEADER_ANSWERS',
  'BOOK_CANNOT_LEAVE',
  // The copy that would lead.
  'COPY_NOT_STREAMING',
  'COPY_BEHIND',
  'COPY_NOT_COMPARABLE',
  'OTHER_COPY_AHEAD',
  'PATRONI_SILENT',
  'PATRONI_PAUSED',
  'POSTGRES_SILENT',
  'POSTGRES_NOT_RUNNING',
  'LEDGER_SILENT',
  'REGION_DRAINED',
  // The book and its leader.
  'BOOK_FENCED',
  'NO_LEADER',
  'NO_PRIMARY',
  'LEADER_PATRONI_SILENT',
  'COMMITS_DO_NOT_WAIT',
  // etcd.
  'ETCD_WITHOUT_MAJORITY',
  'ETCD_NEEDS_LEADER_REGION',
] as const;

export type ObjectionCode = (typeof objectionCodes)[number];

/** A reason against a change: a code for programs and a sentence for people. */
export interface Objection {
  readonly code: ObjectionCode;
  readonly text: string;
}

export const objection = (code: ObjectionCode, text: string): Objection => ({ code, text });

/** The sentences, in one line. */
export const textOf = (objections: readonly Objection[]): string =>
  objections.map(({ text }) => text).join('; ');

/** What disappears without an operator while a copy catches up. */
const PASSING: ReadonlySet<ObjectionCode> = new Set(['COPY_NOT_STREAMING', 'COPY_BEHIND']);

/** Whether a change that can wait need not be refused because of it. */
export const isPassing = ({ code }: Objection): boolean => PASSING.has(code);
