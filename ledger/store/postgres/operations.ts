import { unlessInDoubt } from './commit-in-doubt.ts';
import type { Sql } from './connect.ts';

/** A kind is a word such as `take-over`; those who record operations know which ones there are. */
const KIND = /^[a-z]+(?:-[a-z]+)*$/u;

/** An action of an operator. */
export interface StoredOperation {
  /** UUID. The same operation may be recorded in several books. */
  readonly id: string;
  readonly atMicros: number;
  readonly kind: string;
  readonly who: string;
  readonly why: string;
  /** Whatever JSON can hold. */
  readonly details: unknown;
  /** Epoch of the book when this was recorded. */
  readonly epoch: number;
}

/**
 * Records an operation in a book; one that is recorded already is left as it is.
 *
 * @param sql connection to the book's primary as the owner of the database
 * @throws RangeError if its kind is not a word, CommitInDoubt if it may be lost: record it again
 */
export async function recordOperation(sql: Sql, operation: StoredOperation): Promise<void> {
  const { id, atMicros, kind, who, why, details, epoch } = operation;
  if (!KIND.test(kind)) throw new RangeError(`"${kind}" is no kind of operation`);
  await unlessInDoubt(
    sql,
    () => sql`
      INSERT INTO operation (id, at, kind, who, why, details, epoch)
      VALUES (${id}, timestamptz 'epoch' + ${atMicros}::int8 * interval '1 microsecond', ${kind},
              ${who}, ${why}, ${JSON.stringify(details)}::text::jsonb, ${epoch})
      ON CONFLICT (id) DO NOTHING`,
  );
}

/** The operations recorded in a book, newest first. */
export async function readOperations(sql: Sql, limit: number): Promise<StoredOperation[]> {
  const rows = await sql<Row[]>`
    SELECT id, (extract(epoch FROM at) * 1000000)::int8 AS at_micros, kind, who, why, details, epoch
      FROM operation ORDER BY at DESC, id DESC LIMIT ${limit}`;
  return rows.map(({ at_micros: at, epoch, ...row }) => ({
    ...row,
    atMicros: Number(at),
    epoch: Number(epoch),
  }));
}

interface Row {
  id: string;
  at_micros: bigint;
  kind: string;
  who: string;
  why: string;
  details: unknown;
  epoch: bigint;
}
