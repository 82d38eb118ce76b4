import { bookOf } from '../../../ledger/core/account-id.ts';
import { TRANSFER_KINDS } from '../../../ledger/core/journal-row.ts';
import type { BalancesOperation, Operation } from '../history/operation.ts';
import type { Evidence } from './evidence.ts';
import { sameState, stateText } from './final-book.ts';
import { takeFindings } from './from-audit.ts';
import { Knowledge, type Reached } from './knowledge.ts';
import { inTime } from './timeline.ts';
import { Case, type Checker } from './verdict.ts';
import {
  type VersionFact,
  isOfLeader,
  nameOf,
  type Touched,
  versionFacts,
} from './version-facts.ts';

/**
 * I7: each account is linearizable.
 *
 * The versions of an account have no gaps and its totals are the sum of its entries (the audit of
 * the journal). Every answer is assigned the version of its row; then all answers are checked in
 * the order of the harness's clock: a write that began after another had ended has a later version,
 * a linearizable read at least that version; a statement is a read of the version of its closing. A
 * read has the totals of the version that it names; a linearizable look-up finds everything
 * acknowledged before. A copy may show rows that its leader has not acknowledged yet: writes and
 * linearizable reads must not be older than those either.
 *
 * A leader that does not know yet that it is deposed may answer other reads from its own epoch. It
 * knows all rows of older epochs of its book, and of its own all up to the last that it has
 * reported, or that any client knew of while it still led. So what it must show depends on the rows
 * that made the versions, not on which server reported them: it may not know what only a successor
 * has reported.
 */
export const linearizable: Checker = (evidence) => {
  const found = new Case();
  found.unknown(...evidence.missing);
  takeFindings(found, evidence, 'I7');
  for (const operation of evidence.operations.balances) checkTotals(operation, evidence, found);
  checkTime(versionFacts(evidence), evidence, found);
  return found.verdict();
};

function checkTotals(operation: BalancesOperation, { books }: Evidence, found: Case): void {
  if (!isOfLeader(operation.value.level)) return;
  for (const { position, accounts } of operation.reply ?? []) {
    const book = books.get(position.book);
    if (book === undefined) continue;
    for (const state of accounts) {
      found.looked();
      const there = book.stateOf(BigInt(state.account), state.version);
      if (there !== undefined && sameState(there, state)) continue;
      const text = `account ${state.account} was read as ${stateText(state)}, the journal has`;
      found.violated(`${text} ${stateText(there)}`, { operations: [operation] });
    }
  }
}

function checkTime(facts: readonly VersionFact[], { books }: Evidence, found: Case): void {
  const seen = new Versions();
  const acknowledged = new Map<string, Operation>();
  const knowledge = new Knowledge(books);

  const checkVersions = (fact: VersionFact, reached: Reached | null) => {
    for (const { account, version } of fact.bound === 'none' ? [] : fact.touched) {
      found.looked();
      const before = reached === null ? seen.get(account) : versionAt(account, reached);
      if (before === undefined || version > before.version) continue;
      if (fact.bound === 'read' && version === before.version) continue;
      const text = `account ${account} had version ${before.version} when a later call began`;
      const operations = shown(before.by, fact.operation);
      found.violated(`${text} that has version ${version}`, { operations });
    }
  };
  const versionAt = (account: bigint, { seq, by }: Reached): Version | undefined => {
    const there = books.get(bookOf(account))?.stateAt(account, seq);
    return there && { version: there.version, by };
  };
  const checkMissing = ({ missing, operation }: VersionFact, reached: Reached | null) => {
    if (missing === null) return;
    found.looked();
    const name = nameOf(missing);
    if (reached === null) {
      const by = acknowledged.get(name);
      if (by === undefined) return;
      const operations = [by, operation];
      found.violated(`${name} was acknowledged, but a later look-up did not find it`, {
        operations,
      });
      return;
    }
    const row = books.get(missing.book)?.byId.get(missing.transferId);
    if (row === undefined || row.seq > reached.seq || !TRANSFER_KINDS.includes(row.kind)) return;
    found.violated(`${name} was not found by a leader that knew seq ${reached.seq}`, {
      operations: shown(reached.by, operation),
      rows: [{ book: missing.book, row }],
    });
  };
  const onBegin = (fact: VersionFact) => {
    const { leader } = fact;
    const reached = leader === null ? null : knowledge.of(leader.book, leader.epoch);
    checkVersions(fact, reached);
    checkMissing(fact, reached);
  };
  const onEnd = ({ operation, touched, later, knew, known }: VersionFact) => {
    if (operation.completedNs === Infinity) return;
    for (const versions of [touched, later]) seen.add(versions, operation);
    for (const one of knew) knowledge.add(one, operation);
    if (known !== '' && !acknowledged.has(known)) acknowledged.set(known, operation);
  };
  inTime(facts, onBegin, onEnd);
}

function shown(before: Operation | null, operation: Operation): Operation[] {
  return before === null ? [operation] : [before, operation];
}

interface Version {
  readonly version: number;
  /** The call that reported it; null: a leader began with it. */
  readonly by: Operation | null;
}

/** The newest reported version of each account. */
class Versions {
  readonly #newest = new Map<bigint, Version>();

  get(account: bigint): Version | undefined {
    return this.#newest.get(account);
  }

  add(touched: readonly Touched[], by: Operation): void {
    for (const { account, version } of touched) {
      const before = this.#newest.get(account);
      if (before === undefined || before.version < version) {
        this.#newest.set(account, { version, by });
      }
    }
  }
}
