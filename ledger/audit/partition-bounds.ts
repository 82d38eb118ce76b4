import type { Findings } from './findings.ts';
import type { AuditSql, BookHead } from './read-book.ts';

interface Row {
  name: string;
  first_seq: bigint;
  end_seq: bigint;
  has_id: boolean;
  versions: boolean;
}

/**
 * Checks that the partitions of the journal follow one another without a gap through the head,
 * and that the database itself refuses what may be there once: an id in every partition, a version
 * in those that are full. The last full ones may still be getting their indexes.
 *
 * @returns how many there are; 0: the database is of a release that had none
 */
export async function checkPartitions(
  sql: AuditSql,
  head: BookHead,
  findings: Findings,
): Promise<number> {
  const [view] = await sql<{ there: boolean }[]>`
    SELECT to_regclass('journal_partition') IS NOT NULL AS there`;
  if (view?.there !== true) return 0;
  const rows = await sql<Row[]>`
    SELECT name, first_seq, end_seq, has_id, has_debit_version AND has_credit_version AS versions
      FROM journal_partition ORDER BY first_seq`;
  let next = 1;
  for (const { name, first_seq, end_seq, has_id: hasId, versions } of rows) {
    const [first, end] = [Number(first_seq), Number(end_seq)];
    if (first !== next) {
      findings.add(
        'I11',
        head.name,
        next,
        `no partition of the journal has the rows before ${first}`,
      );
    }
    next = end;
    if (!hasId)
      findings.add('I6', head.name, first, `partition ${name} has no unique index of ids`);
    if (!versions && head.seq >= end + (end - first)) {
      findings.add('I7', head.name, first, `partition ${name} has no unique indexes of versions`);
    }
  }
  if (head.seq >= next) {
    findings.add('I11', head.name, next, 'the partitions of the journal end before its head');
  }
  return rows.length;
}
