import { newAccount } from '../../../ledger/core/account.ts';
import type { OpenedAccount } from '../../../ledger/core/post/book-state.ts';
import { type JournalRow, RowKind } from '../../../ledger/core/journal-row.ts';
import type { ChainedRow } from '../../../ledger/audit/journal-scan.ts';
import type { AuditSql } from '../../../ledger/audit/read-book.ts';
import { readJournal } from '../../../ledger/audit/read-journal.ts';
import type { DatabaseNode } from '../database/node.ts';
import { answerTo } from '../database/statements.ts';
import { standInFor } from '../stand-in-for.ts';
import type { Tables } from '../database/tables.ts';

/** The journal of a book at the end of a run. */
export interface SimulatedJournal {
  readonly number: number;
  readonly name: string;
  readonly rows: readonly ChainedRow[];
  readonly tables: Tables;
}

/** Reads the journal that a node shows, as the audit does. */
export async function finalBook(node: DatabaseNode, name: string): Promise<SimulatedJournal> {
  const { tables, book, instance } = node;
  const sql = (strings: TemplateStringsArray) => ({
    async *cursor() {
      yield await Promise.resolve(
        answerTo(strings.join('?'))(tables, [], { standby: false, book, instance }),
      );
    },
  });
  const rows: ChainedRow[] = [];
  const reading = readJournal(standInFor<AuditSql>(sql));
  for await (const page of reading) rows.push(...page);
  return { number: book, name, rows, tables };
}

/** The batches that a journal was written in. */
export function* batchesOf({ rows, tables }: SimulatedJournal): Generator<{
  readonly rows: JournalRow[];
  readonly opened: OpenedAccount[];
  readonly chain: Buffer;
}> {
  const openings = new Map([...tables.accounts.values()].map((item) => [item.opened_seq, item]));
  let batch: JournalRow[] = [];
  let opened: OpenedAccount[] = [];
  for (const { row, chain } of rows) {
    batch.push(row);
    const opening = openings.get(BigInt(row.seq));
    if (opening !== undefined && row.kind === RowKind.account) {
      const { id, asset, min_balance: minBalance, max_balance: maxBalance, transit } = opening;
      opened.push({
        account: newAccount(id, asset, { minBalance, maxBalance }, transit),
        externalId: opening.external_id,
        metadata: opening.metadata ?? {},
        seq: row.seq,
      });
    }
    if (chain === null) continue;
    yield { rows: batch, opened, chain: Buffer.from(chain) };
    batch = [];
    opened = [];
  }
}

const KINDS = new Map<number, string>(Object.entries(RowKind).map(([name, kind]) => [kind, name]));

export function describeRow({ seq, epoch, kind, reason, id, amount, peer }: JournalRow): string {
  const far = peer === null ? '' : `, leg ${peer.number} of book ${peer.book}`;
  return `seq ${seq} epoch ${epoch}: ${KINDS.get(kind)} ${id} of ${amount}, reason ${reason}${far}`;
}
