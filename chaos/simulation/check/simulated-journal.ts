import { CHAIN_RECIPE } from '../../../ledger/core/chain.ts';
import type { OpenedAccount } from '../../../ledger/core/post/book-state.ts';
import { type JournalRow, RowKind } from '../../../ledger/core/journal-row.ts';
import type { ChainedRow } from '../../../ledger/audit/chain-fold.ts';
import type { DatabaseNode } from '../database/node.ts';
import type { MemoryBook } from '../../../ledger/testing/memory-store/memory-book.ts';

/** The journal of a book at the end of a run. */
export interface SimulatedJournal {
  readonly number: number;
  readonly name: string;
  readonly rows: readonly ChainedRow[];
  readonly memory: MemoryBook;
}

/** The journal that a node shows. */
export function finalBook({ memory, book }: DatabaseNode, name: string): SimulatedJournal {
  const rows = memory.rows.map((row) => {
    const chain = memory.chains.get(row) ?? null;
    return { row, chain, recipe: chain === null ? null : CHAIN_RECIPE };
  });
  return { number: book, name, rows, memory };
}

/** The batches that a journal was written in. */
export function* batchesOf({ rows, memory }: SimulatedJournal): Generator<{
  readonly rows: JournalRow[];
  readonly opened: OpenedAccount[];
  readonly chain: Buffer;
}> {
  const openings = new Map([...memory.accounts.values()].map((item) => [item.seq, item]));
  let batch: JournalRow[] = [];
  let opened: OpenedAccount[] = [];
  for (const { row, chain } of rows) {
    batch.push(row);
    const opening = openings.get(row.seq);
    if (opening !== undefined && row.kind === RowKind.account) opened.push(opening);
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
