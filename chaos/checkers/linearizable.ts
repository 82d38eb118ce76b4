import { type JournalRow, RowKind } from '../../ledger/core/journal-row.ts';
import { settlementId, transferIdOf } from '../../ledger/core/transfer-id.ts';
import type {
  BalancesOperation,
  ChangeOperation,
  LookUpOperation,
  Operation,
  TransferOperation,
} from '../history/operation.ts';
import { callName, type Evidence } from './evidence.ts';
import { sameState, stateText } from './final-book.ts';
import { takeFindings } from './from-audit.ts';
import { inTime, type Span } from './timeline.ts';
import { Case, type Checker } from './verdict.ts';

/**
 * I7: each account is linearizable.
 *
 * The versions of an account have no gaps and its totals are the sum of its entries (the audit of
 * the journal). Every answer is put onto the version that its row has; then all answers are gone
 * through in the order of the harness's clock: what began after another had ended has a
 * later version, a read of the leader at least that version. A read has the totals of the version
 * that it names; a look-up finds what was acknowledged before. A leader that does not know yet
 * that it is deposed may answer from its own epoch, except to linearizable reads. A copy may show
 * what its leader has not acknowledged yet: only writes and linearizable reads must not stay
 * behind that.
 */
export const linearizable: Checker = (evidence) => {
  const found = new Case();
  found.unknown(...evidence.missing);
  takeFindings(found, evidence, 'I7');
  const fresh = new Set<JournalRow>();
  const lookedUp = new Set(evidence.operations.lookUps.map(({ value }) => nameOf(value)));
  const facts: Fact[] = [
    ...evidence.operations.transfers.map((one) => transferFact(one, evidence, fresh, lookedUp)),
    ...evidence.operations.changes.map((one) => changeFact(one, evidence)),
    ...evidence.operations.balances.flatMap((one) => balanceFacts(one, evidence, found)),
    ...evidence.operations.lookUps.map(lookUpFact),
  ].filter((fact) => fact !== undefined);
  checkTime(facts, found);
  return found.verdict();
};

interface Touched {
  readonly account: bigint;
  readonly version: number;
}

/** What one answer tells of versions. */
interface Fact extends Span {
  readonly operation: Operation;
  /** Epoch of the answer. */
  readonly epoch: number;
  /** Versions that it made or saw. */
  readonly touched: readonly Touched[];
  /** Versions that were there when it ended. */
  readonly later: readonly Touched[];
  /** What it has to be at least, or after: a write of its own; a read. Else: nothing. */
  readonly bound: 'write' | 'read' | 'none';
  /** True: a deposed leader may have answered it. */
  readonly mayBeDeposed: boolean;
  /** True: a copy has answered it. */
  readonly isOfCopy: boolean;
  /** Of a transfer that is known now, or was looked up: `callName`. */
  readonly known: string;
  readonly isMissing: boolean;
}

function factOf(operation: Operation, fields: Partial<Fact>): Fact {
  return {
    operation,
    invokedNs: operation.invokedNs,
    completedNs: operation.completedNs,
    epoch: fields.epoch ?? 0,
    touched: fields.touched ?? NONE,
    later: fields.later ?? NONE,
    bound: fields.bound ?? 'none',
    mayBeDeposed: fields.mayBeDeposed ?? false,
    isOfCopy: fields.isOfCopy ?? false,
    known: fields.known ?? '',
    isMissing: fields.isMissing ?? false,
  };
}

const NONE: readonly Touched[] = [];

/**
 * @param fresh rows that were answered as new before; that there are two such answers is I6
 * @param lookedUp transfers that any client looked up, as `callName`
 */
function transferFact(
  operation: TransferOperation,
  { books }: Evidence,
  fresh: Set<JournalRow>,
  lookedUp: ReadonlySet<string>,
): Fact | undefined {
  const { reply, value } = operation;
  if (reply === null || value.dryRun || reply.reason === 'IDEMPOTENCY_KEY_REUSED') return undefined;
  const { position, replayed, transferId } = reply;
  const book = books.get(position.book);
  const row = book?.byId.get(transferId);
  if (book === undefined || row === undefined) return undefined;
  // There are few of them, and names of all would take room.
  const known = lookedUp.size > 0 ? callName(book.number, transferId) : '';
  const legs = row.kind === RowKind.group ? (book.legs.get(row.id) ?? []) : [];
  const touched = legs.length === 0 ? touchedBy(row) : legs.flatMap(touchedBy);
  const isWrite = !replayed && !fresh.has(row);
  if (isWrite) fresh.add(row);
  const fields = { epoch: position.epoch, known, bound: isWrite ? 'write' : 'none' } as const;
  if (reply.status !== 'POSTED' || row.peer === null) {
    return factOf(operation, { ...fields, touched });
  }
  // The second leg is known to be there at the end of the call, wherever it was in between.
  const second = books.get(row.peer.book)?.byId.get(settlementId(book.number, row.id));
  return factOf(operation, { ...fields, touched, later: second ? touchedBy(second) : [] });
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

function changeFact(operation: ChangeOperation, { books }: Evidence): Fact | undefined {
  const { reply, value } = operation;
  if (reply === null || value.dryRun) return undefined;
  const book = books.get(reply.position.book);
  const row = book?.byId.get(transferIdOf(value.namespace, value.idempotencyKey));
  if (row === undefined) return undefined;
  const { replayed, position } = reply;
  const bound = replayed ? 'none' : 'write';
  return factOf(operation, { epoch: position.epoch, touched: touchedBy(row), bound });
}

function balanceFacts(operation: BalancesOperation, evidence: Evidence, found: Case): Fact[] {
  const { level } = operation.value;
  const isOfLeader = level === 'leader' || level === 'linearizable';
  return (operation.reply ?? []).map((read) => {
    const book = evidence.books.get(read.position.book);
    for (const state of isOfLeader ? read.accounts : []) {
      if (book === undefined) continue;
      found.looked();
      const there = book.stateOf(BigInt(state.account), state.version);
      if (there !== undefined && sameState(there, state)) continue;
      const text = `account ${state.account} was read as ${stateText(state)}, the journal has`;
      found.violated(`${text} ${stateText(there)}`, { operations: [operation] });
    }
    return factOf(operation, {
      epoch: read.position.epoch,
      touched: read.accounts.map(({ account, version }) => ({ account: BigInt(account), version })),
      bound: isOfLeader ? 'read' : 'none',
      mayBeDeposed: level === 'leader',
      isOfCopy: !isOfLeader,
    });
  });
}

function lookUpFact(operation: LookUpOperation): Fact | undefined {
  const { reply, value } = operation;
  if (reply === null || value.level === 'stale' || value.level === 'auditor') return undefined;
  return factOf(operation, {
    epoch: reply.position.epoch,
    known: nameOf(value),
    isMissing: reply.found === null,
    mayBeDeposed: value.level === 'leader',
  });
}

const nameOf = ({ book, transferId }: LookUpOperation['value']) => callName(book, transferId);

function checkTime(facts: readonly Fact[], found: Case): void {
  const acknowledged = new Versions();
  const seen = new Versions();
  const known = new Map<string, Fact>();
  const onBegin = (fact: Fact) => {
    for (const { account, version } of fact.bound === 'none' ? [] : fact.touched) {
      found.looked();
      const before = (fact.mayBeDeposed ? acknowledged : seen).get(account);
      if (before === undefined || version > before.version) continue;
      if (fact.bound === 'read' && version === before.version) continue;
      if (fact.mayBeDeposed && before.fact.epoch > fact.epoch) continue;
      const text = `account ${account} had version ${before.version} when a later call began`;
      const operations = [before.fact.operation, fact.operation];
      found.violated(`${text} that has version ${version}`, { operations });
    }
    const before = fact.isMissing ? known.get(fact.known) : undefined;
    if (before === undefined || (fact.mayBeDeposed && before.epoch > fact.epoch)) return;
    const operations = [before.operation, fact.operation];
    found.violated(`${fact.known} was acknowledged, then looked up in vain`, { operations });
  };
  const onEnd = (fact: Fact) => {
    if (fact.completedNs === Infinity) return;
    for (const touched of [fact.touched, fact.later]) {
      seen.add(touched, fact);
      if (!fact.isOfCopy) acknowledged.add(touched, fact);
    }
    if (fact.known !== '' && !fact.isMissing && !known.has(fact.known)) known.set(fact.known, fact);
  };
  inTime(facts, onBegin, onEnd);
}

/** The newest version of each account that answers have told of, and by which of them. */
class Versions {
  readonly #newest = new Map<bigint, { version: number; fact: Fact }>();

  get(account: bigint) {
    return this.#newest.get(account);
  }

  add(touched: readonly Touched[], fact: Fact): void {
    for (const { account, version } of touched) {
      const before = this.#newest.get(account);
      if (before === undefined) this.#newest.set(account, { version, fact });
      else if (before.version < version) Object.assign(before, { version, fact });
    }
  }
}
