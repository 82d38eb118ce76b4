import { randomUUID } from 'node:crypto';
import { connect } from '../../ledger/store/postgres/connect.ts';
import { recordOperation } from '../../ledger/store/postgres/operations.ts';
import type { MemberState } from '../topology/state.ts';
import { AbortedDrill } from './scenario.ts';

export interface DrillRecord {
  readonly id: string;
  readonly scenario: string;
  readonly by: string;
  readonly why: string;
  /** Of the book, when the drill begins. */
  readonly epoch: number;
}

/**
 * Records in the book's own table of operations that a drill begins, so that `meridian history`
 * explains what follows. Throws AbortedDrill when there is nowhere to record it.
 */
export async function recordDrill(
  primary: MemberState | undefined,
  { id, scenario, by, why, epoch }: DrillRecord,
): Promise<void> {
  if (primary === undefined) throw new AbortedDrill('the book has no primary to record it in');
  const sql = connect(primary.adminUrl, 1);
  try {
    await recordOperation(sql, {
      id: randomUUID(),
      atMicros: Date.now() * 1_000,
      kind: 'drill',
      who: by,
      why,
      details: { drill: id, scenario },
      epoch,
    });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new AbortedDrill(`the drill could not be recorded: ${text}`, { cause: error });
  } finally {
    await sql.end({ timeout: 1 });
  }
}
