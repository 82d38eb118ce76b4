import { type JournalRow, RowKind } from '../../../ledger/core/journal-row.ts';
import { settlementId, transferIdOf } from '../../../ledger/core/transfer-id.ts';
import type {
  AccountRead,
  BalancesOperation,
  ChangeOperation,
  LookUpOperation,
  Operation,
  Position,
  ReadLevel,
  StatementOperation,
  TransferOperation,
} from '../history/operation.ts';
import { callName } from './calls.ts';
import type { Evidence } from './evidence.ts';
import type { FinalBook } from './final-book.ts';
import type { Known } from './knowledge.ts';
import { Reigns } from './reigns.ts';
import type { CallSpan } from './timeline.ts';

/** Facts about versions from the answers of a run. */
export function versionFacts(evidence: Evidence): VersionFact[] {
  const { transfers, changes, balances, statements, lookUps } = evidence.operations;
  const reigns = new Reigns(evidence);
  const linearizable = lookUps.filter(({ value }) => value.level === 'linearizable');
  const lookedUp = new Set(linearizable.map(({ value }) => nameOf(value)));
  const fresh = new Set<JournalRow>();
  return [
    ...transfers.map((one) => transferFact(one, evidence, { fresh, lookedUp, reigns })),
    ...changes.map((one) => changeFact(one, evidence, reigns)),
    ...balances.flatMap((one) => balanceFacts(one, evidence)),
    ...statements.map((one) => statementFact(one, evidence)),
    ...lookUps.map(lookUpFact),
  ].filter((fact) => fact !== undefined);
}

export interface Touched {
  readonly account: bigint;
  readonly version: number;
}

/** Facts about versions from one answer. */
export interface VersionFact extends CallSpan {
  readonly operation: Operation;
  /** Versions that it made or saw. */
  readonly touched: readonly Touched[];
  /** Versions that existed when it ended. */
  readonly later: readonly Touched[];
  /**
   * The bound that it must satisfy: later than earlier versions (`write`), at least as late
   * (`read`), or none.
   */
  readonly bound: 'write' | 'read' | 'none';
  /** The leader that answered a read, if it may have been deposed. */
  readonly leader: Pick<Position, 'book' | 'epoch'> | null;
  /** Knowledge of leaders when it ended. */
  readonly knew: readonly Known[];
  /** `callName` of a transfer that is known then, or was looked up. */
  readonly known: string;
  /** Request of a look-up that found nothing. */
  readonly missing: LookUpOperation['value'] | null;
}

function factOf(operation: Operation, fields: Partial<VersionFact>): VersionFact {
  return {
    operation,
    invokedNs: operation.invokedNs,
    completedNs: operation.completedNs,
    touched: fields.touched ?? NO_VERSIONS,
    later: fields.later ?? NO_VERSIONS,
    bound: fields.bound ?? 'none',
    leader: fields.leader ?? null,
    knew: fields.knew ?? NOTHING,
    known: fields.known ?? '',
    missing: fields.missing ?? null,
  };
}

const NO_VERSIONS: readonly Touched[] = [];
const NOTHING: readonly Known[] = [];

interface Transfers {
  /** Rows that were already answered as new; I6 checks that there is one such answer. */
  readonly fresh: Set<JournalRow>;
  /** Transfers that any client looked up at level linearizable, as `callName`. */
  readonly lookedUp: ReadonlySet<string>;
  readonly reigns: Reigns;
}

function transferFact(
  operation: TransferOperation,
  { books }: Evidence,
  { fresh, lookedUp, reigns }: Transfers,
): VersionFact | undefined {
  const { reply, value, completedNs } = operation;
  if (reply === null || value.dryRun || reply.reason === 'IDEMPOTENCY_KEY_REUSED') return undefined;
  const { position, replayed, transferId } = reply;
  const book = books.get(position.book);
  const row = book?.byId.get(transferId);
  if (book === undefined || row === undefined) return undefined;
  // Look-ups are few; names of all transfers would take memory.
  const name = lookedUp.size > 0 ? callName(book.number, transferId) : '';
  const known = lookedUp.has(name) ? name : '';
  const legs = row.kind === RowKind.group ? (book.legs.get(row.id) ?? []) : [];
  const rows = legs.length === 0 ? [row] : legs;
  const isWrite = !replayed && !fresh.has(row);
  if (isWrite) fresh.add(row);
  const last = rows.at(-1) ?? row;
  const fields = {
    known,
    touched: rows.flatMap(touchedBy),
    knew: isWrite ? [knownRow(book.number, last)] : knownTo(reigns, completedNs, book.number, last),
    bound: isWrite ? 'write' : 'none',
  } as const;
  const payees = row.peer?.book ?? 0;
  const second = books.get(payees)?.byId.get(settlementId(book.number, row.id));
  if (reply.status !== 'POSTED' || second === undefined) return factOf(operation, fields);
  // The second leg certainly exists at the end of the call, wherever it was in between.
  const knew = [...fields.knew, ...knownTo(reigns, completedNs, payees, second)];
  return factOf(operation, { ...fields, knew, later: touchedBy(second) });
}

function touchedBy({ entries, debitAccount, creditAccount }: JournalRow): Touched[] {
  const touched: Touched[] = [];
  if (entries === null) return touched;
  const { debitVersion, creditVersion } = entries;
  if (debitVersion !== null && debitAccount !== null) {
    touched.push({ account: debitAccount, version: debitVersion });
  }
  if (creditVersion !== null && creditAccount !== null) {
    touched.push({ account: creditAccount, version: creditVersion });
  }
  return touched;
}

/** Knowledge of the leader that made a row, if it still led when a client knew of the row. */
function knownTo(reigns: Reigns, ns: number, book: number, row: JournalRow): readonly Known[] {
  return reigns.isLeadingAfter(ns, book, row.epoch) ? [knownRow(book, row)] : NOTHING;
}

function knownRow(book: number, { epoch, seq }: JournalRow): Known {
  return { book, epoch, seq };
}

function changeFact(
  operation: ChangeOperation,
  { books }: Evidence,
  reigns: Reigns,
): VersionFact | undefined {
  const { reply, value, completedNs } = operation;
  if (reply === null || value.dryRun) return undefined;
  const { book } = reply.position;
  const row = books.get(book)?.byId.get(transferIdOf(value.namespace, value.idempotencyKey));
  if (row === undefined) return undefined;
  const touched = touchedBy(row);
  return reply.replayed
    ? factOf(operation, { touched, knew: knownTo(reigns, completedNs, book, row) })
    : factOf(operation, { touched, knew: [knownRow(book, row)], bound: 'write' });
}

function balanceFacts(operation: BalancesOperation, { books }: Evidence): VersionFact[] {
  const { reply, value } = operation;
  return (reply ?? []).map(({ position, accounts }) =>
    readFact(operation, value.level, position, accounts.map(touchedOf), books.get(position.book)),
  );
}

function statementFact(
  operation: StatementOperation,
  { books }: Evidence,
): VersionFact | undefined {
  const { reply, value } = operation;
  if (reply === null) return undefined;
  const { position, closing } = reply;
  const book = books.get(position.book);
  return readFact(operation, value.level, position, [touchedOf(closing)], book);
}

function touchedOf({ account, version }: AccountRead): Touched {
  return { account: BigInt(account), version };
}

export function isOfLeader(level: ReadLevel): boolean {
  return level === 'leader' || level === 'linearizable';
}

function readFact(
  operation: Operation,
  level: ReadLevel,
  position: Position,
  touched: readonly Touched[],
  book: FinalBook | undefined,
): VersionFact {
  if (!isOfLeader(level)) return factOf(operation, { touched });
  // The read may be newer than the position that it states.
  const seq = touched.reduce(
    (newest, { account, version }) =>
      Math.max(newest, book?.versions.get(account)?.[version - 1]?.seq ?? 0),
    position.seq,
  );
  return factOf(operation, {
    touched,
    knew: [{ ...position, seq }],
    bound: 'read',
    leader: level === 'leader' ? position : null,
  });
}

function lookUpFact(operation: LookUpOperation): VersionFact | undefined {
  const { reply, value } = operation;
  if (reply === null || !isOfLeader(value.level)) return undefined;
  const { position, found } = reply;
  return factOf(operation, {
    knew: [position],
    known: found === null ? '' : nameOf(value),
    missing: found === null ? value : null,
    leader: value.level === 'leader' ? position : null,
  });
}

export function nameOf({ book, transferId }: LookUpOperation['value']): string {
  return callName(book, transferId);
}
