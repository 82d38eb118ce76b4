import postgres from 'postgres';

import { checkAppendOnly } from './append-only.ts';
import { auditChannel, type InFlight, type ScannedBook } from './channel-audit.ts';
import { Findings, type Violation } from './findings.ts';
import { type JournalCounts, JournalScan } from './journal-scan.ts';
import { checkNames } from './names.ts';
import { checkPartitions } from './partition-bounds.ts';
import {
  type AuditSql,
  type BookHead,
  readAccounts,
  readAssets,
  readChannels,
  readCompleteSince,
  readHeldAgainSince,
  readHead,
} from './read-book.ts';
import { readJournal } from './read-journal.ts';
import { readReversed } from './read-reversed.ts';
import { reversedIds } from './reversals.ts';

export interface TrialBalance {
  readonly asset: string;
  readonly debits: bigint;
  readonly credits: bigint;
  /** Credits less debits: zero in a book that balances. */
  readonly difference: bigint;
}

export interface BookReport extends JournalCounts {
  readonly book: number;
  readonly name: string;
  readonly region: string;
  /** The position at which the book was cut. */
  readonly epoch: number;
  readonly seq: number;
  /** Those of callers, without transit accounts. */
  readonly accounts: number;
  /** Holds of which something is left. */
  readonly openHolds: number;
  /** Those of them that should have expired a while ago. No violation: they are only late. */
  readonly overdueHolds: number;
  readonly trialBalance: readonly TrialBalance[];
  readonly chainVerified: boolean;
}

export interface AuditReport {
  readonly books: readonly BookReport[];
  /** Per pair of books and asset, those with nothing in flight included. */
  readonly inFlight: readonly InFlight[];
  readonly violations: readonly Violation[];
  readonly violationsTotal: number;
  /** Irregularities that violate no invariant. */
  readonly notes: readonly string[];
  readonly seconds: number;
  readonly ok: boolean;
}

export interface AuditDeps {
  /** Database of each book, as a role that may read it. */
  readonly urls: readonly string[];
  readonly onProgress: (rows: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Reads the journals of all books from their first rows and checks every invariant that the
 * books themselves can refute. May be run while they are being written to.
 *
 * Throws Error when a database cannot be reached or is not a book of Meridian.
 */
export async function runAudit({ urls, onProgress, signal }: AuditDeps): Promise<AuditReport> {
  const startedAt = performance.now();
  const findings = new Findings();
  const connections = urls.map((url) => new BookConnection(url));
  try {
    // All snapshots first and close together, so that little is in flight between them.
    const opened = await Promise.all(connections.map((connection) => connection.open()));
    requireDistinct(opened.map(({ head }) => head));
    const total = opened.reduce((sum, { head }) => sum + head.seq, 0);
    let rows = 0;
    const onRows = (count: number) => {
      signal?.throwIfAborted();
      rows += count;
      onProgress(rows, total);
    };
    const books = await Promise.all(opened.map((book) => scanBook(book, findings, onRows)));
    const reports = await Promise.all(books.map((book) => reportBook(book, findings)));
    checkNames(books, findings);
    const inFlight: InFlight[] = [];
    for (const from of books) {
      for (const to of books) {
        signal?.throwIfAborted();
        if (from !== to) inFlight.push(...(await auditChannel(from, to, findings)));
      }
    }
    return {
      books: reports,
      inFlight,
      violations: findings.kept,
      violationsTotal: findings.total,
      notes: books.flatMap(notesOf),
      seconds: (performance.now() - startedAt) / 1_000,
      ok: findings.total === 0,
    };
  } finally {
    await Promise.all(connections.map((connection) => connection.close()));
  }
}

interface OpenedBook {
  readonly head: BookHead;
  readonly sql: AuditSql;
  readonly now: AuditSql;
}

/** Two connections to one book: one holds a snapshot, the other sees what is new. */
class BookConnection {
  readonly #pool: postgres.Sql<{ bigint: bigint }>;
  readonly #place: string;
  #reserved: AuditSql[] = [];

  constructor(url: string) {
    const { host, pathname } = new URL(url);
    this.#place = `${host}${pathname}`;
    this.#pool = postgres(url, {
      max: 2,
      types: { bigint: postgres.BigInt },
      connect_timeout: 10,
      onnotice: () => {},
      connection: { application_name: 'meridian-audit', TimeZone: 'UTC' },
    });
  }

  async open(): Promise<OpenedBook> {
    try {
      const sql = await this.#reserve();
      const now = await this.#reserve();
      await sql.unsafe('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      const head = await readHead(sql);
      if (!head) throw new Error('no ledger server has ever served it');
      return { head, sql, now };
    } catch (error) {
      const why = error instanceof Error ? error.message || error.name : String(error);
      throw new Error(`the book at ${this.#place} cannot be read: ${why}`, { cause: error });
    }
  }

  async #reserve(): Promise<AuditSql> {
    const reserved = await this.#pool.reserve();
    this.#reserved.push(reserved);
    return reserved;
  }

  async close(): Promise<void> {
    // The pool does not end while one is reserved. The snapshot ends with its connection.
    for (const reserved of this.#reserved) reserved.release();
    await this.#pool.end({ timeout: 1 });
  }
}

function requireDistinct(heads: readonly BookHead[]): void {
  const names = heads.map(({ name }) => name);
  if (new Set(heads.map(({ book }) => book)).size === heads.length) return;
  throw new Error(`two of the databases hold the same book: ${names.join(', ')}`);
}

async function scanBook(
  { head, sql, now }: OpenedBook,
  findings: Findings,
  onRows: (count: number) => void,
): Promise<ScannedBook> {
  const accounts = await readAccounts(sql);
  const assets = await readAssets(sql);
  const since = {
    completeSinceMicros: await readCompleteSince(sql),
    heldAgainSinceMicros: await readHeldAgainSince(sql),
  };
  const scan = new JournalScan(head.name, { accounts, assets, ...since }, findings);
  for await (const page of readJournal(sql)) {
    const rows = page.map(({ row }) => row);
    // The snapshot's connection is busy with the cursor. Rows do not change, so it makes no
    // difference that the other one sees more of them.
    const reversed = await readReversed(now, reversedIds(rows), rows[0]?.seq ?? 0);
    scan.page(page, reversed);
    onRows(rows.length);
  }
  scan.end();
  return { head, scan, channels: await readChannels(sql), sql, now };
}

async function reportBook(book: ScannedBook, findings: Findings): Promise<BookReport> {
  const { head, scan, sql } = book;
  checkHead(book, findings);
  checkSweep(book, findings);
  await checkIds(book, findings);
  await checkAppendOnly(sql, head.name, findings);
  await checkPartitions(sql, head, findings);
  const trialBalance = await checkTrialBalance(book, findings);
  let accounts = 0;
  for (const account of scan.accounts.values()) accounts += account.transit ? 0 : 1;
  return {
    book: head.book,
    name: head.name,
    region: head.region,
    epoch: head.epoch,
    seq: head.seq,
    accounts,
    ...scan.counts,
    openHolds: scan.holds.size,
    overdueHolds: overdueHolds(book),
    trialBalance,
    chainVerified: findings.count('I11', head.name) === 0,
  };
}

function checkHead({ head, scan, channels }: ScannedBook, findings: Findings): void {
  const { name } = head;
  if (head.seq !== scan.seq) {
    findings.add('I11', name, scan.seq, `the head is at ${head.seq}, the journal ends earlier`);
  }
  if (!Buffer.from(head.chain).equals(scan.chain)) {
    findings.add('I11', name, head.seq, "the head's chain value is not that of the last row");
  }
  if (head.accounts !== scan.accounts.size) {
    const text = `the head counts ${head.accounts} accounts, there are ${scan.accounts.size}`;
    findings.add('I18', name, 0, text);
  }
  const peers = new Set([...channels.map((c) => c.peerBook), ...scan.channels.sent.keys()]);
  for (const peer of [...peers, ...scan.channels.applied.keys()]) {
    const channel = channels.find(({ peerBook }) => peerBook === peer);
    const sent = scan.channels.sent.get(peer) ?? 0;
    const applied = scan.channels.applied.get(peer) ?? 0;
    if (channel?.sent === sent && channel.applied === applied && channel.settled <= sent) continue;
    const text = `the cursors of book ${peer} are not those of the journal`;
    findings.add('I3', name, 0, text);
  }
}

/** The sweep goes along the holds once: one that it has passed would never expire. */
function checkSweep({ head, scan }: ScannedBook, findings: Findings): void {
  const { name, sweptAtMicros, sweptSeq, atMicros } = head;
  if (sweptAtMicros > atMicros) {
    findings.add('I10', name, 0, 'the sweep cursor covers holds that are not due yet');
  }
  for (const { id, seq, expiresAtMicros } of scan.holds.all) {
    if (expiresAtMicros === null || expiresAtMicros > sweptAtMicros) continue;
    if (expiresAtMicros === sweptAtMicros && seq > sweptSeq) continue;
    findings.add('I10', name, seq, `hold ${id} is open, though the sweep has passed it`);
  }
}

/** A hold that should have expired longer ago than this is late. */
const OVERDUE_MICROS = 10_000_000;

function overdueHolds({ head, scan }: ScannedBook): number {
  let count = 0;
  for (const { expiresAtMicros } of scan.holds.all) {
    if (expiresAtMicros === null) continue;
    if (expiresAtMicros + OVERDUE_MICROS < head.nowMicros) count += 1;
  }
  return count;
}

function notesOf({ head, scan, channels }: ScannedBook): string[] {
  const notes = channels.flatMap(({ peerBook, diverged }) => {
    if (diverged === null) return [];
    const { book, number, why } = diverged;
    const state = `CHANNEL_DIVERGED from number ${number}: book ${book} has lost rows (${why})`;
    return [`${head.name}: the channel with book ${peerBook} is halted, ${state}`];
  });
  const { unregistered } = scan.assets;
  if (unregistered > 0) {
    const what = 'accounts opened with an asset that is not registered, before that was required';
    notes.push(`${head.name}: ${what}: ${unregistered}`);
  }
  return notes;
}

/** Uniqueness is an index of the database; this counts instead of trusting it. */
async function checkIds({ head, sql }: ScannedBook, findings: Findings): Promise<void> {
  const [row] = await sql<{ twice: bigint }[]>`
    SELECT count(*) - count(DISTINCT id) AS twice FROM journal`;
  if (row?.twice === 0n) return;
  findings.add('I6', head.name, 0, `${row?.twice} ids are there more than once`);
}

/** What auditors see in the view must be what the rows add up to, and zero. */
async function checkTrialBalance(
  { head, scan, sql }: ScannedBook,
  findings: Findings,
): Promise<TrialBalance[]> {
  const folded = new Map<string, { debits: bigint; credits: bigint }>();
  for (const { asset, totals } of scan.accounts.values()) {
    const { debits, credits } = totals;
    const sum = folded.get(asset) ?? { debits: 0n, credits: 0n };
    folded.set(asset, { debits: sum.debits + debits, credits: sum.credits + credits });
  }
  const rows = await sql<{ asset: string; debits: string; credits: string }[]>`
    SELECT asset, debits::text, credits::text FROM trial_balance ORDER BY asset`;
  if (rows.length !== folded.size) {
    findings.add('I1', head.name, 0, 'the view trial_balance lacks an asset');
  }
  return rows.map((row) => {
    const debits = BigInt(row.debits);
    const credits = BigInt(row.credits);
    const sum = folded.get(row.asset);
    if (sum?.debits !== debits || sum.credits !== credits) {
      const text = `trial_balance of ${row.asset} is not what the journal adds up to`;
      findings.add('I1', head.name, 0, text);
    }
    if (debits !== credits) {
      findings.add('I1', head.name, 0, `${row.asset} is out of balance by ${credits - debits}`);
    }
    return { asset: row.asset, debits, credits, difference: credits - debits };
  });
}
