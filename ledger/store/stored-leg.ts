import type {
  NumberedLeg as ListedLeg,
  SettleLeg,
} from '../../proto/gen/meridian/internal/v1/book.ts';
import { RowKind } from '../core/journal-row.ts';
import type { CaptureOf } from '../core/post/command.ts';
import { storedOptions } from '../core/validate/options.ts';

/** A row of a leg by the names of its columns, as the payer's book numbered it. */
export interface LegRow {
  channel_number: bigint;
  transfer_id: string;
  debit_account: bigint;
  credit_account: bigint;
  amount: bigint;
  asset: string;
  code: number | null;
  reference: string | null;
  metadata: Record<string, string> | null;
  kind: RowKind;
  options: string | null;
  drawn_id: string | null;
  at_micros: bigint;
}

/** Legs that draw on what they reverse. Captures draw on a hold, which stays in this book. */
export const REVERSES: ReadonlySet<RowKind> = new Set([RowKind.reversal, RowKind.recovered]);

/** A leg as it travels. @param reversalOf id of the transfer that it reverses, or empty */
export function legFrom(row: LegRow, reversalOf: string): SettleLeg {
  return {
    transferId: row.transfer_id,
    debitAccountId: row.debit_account,
    creditAccountId: row.credit_account,
    amount: row.amount,
    asset: row.asset,
    code: row.code ?? 0,
    reference: row.reference ?? '',
    metadata: row.metadata ?? {},
    reversalOf,
  };
}

/** Id of the transfer that a leg reverses; '' if it reverses none. */
export function reversedTransfer({ kind, options }: LegRow): string {
  if (!REVERSES.has(kind)) return '';
  const { action } = storedOptions(options ?? '');
  return action?.$case === 'reversal' ? action.value.transferId : '';
}

/** The capture of a leg, from its first or its second row; null if it captured nothing. */
export function captureOf({ kind, options }: Pick<LegRow, 'kind' | 'options'>): CaptureOf | null {
  if (options === null || !CAPTURES.has(kind)) return null;
  const { action } = storedOptions(options);
  return action?.$case === 'capture' ? action.value : null;
}

/** Rows of legs that may state what was captured. */
const CAPTURES: ReadonlySet<RowKind> = new Set([RowKind.capture, RowKind.settlement]);

/** The same of a leg in a list. */
export function listedCapture(number: bigint, capture: CaptureOf | null): ListedLeg['capture'] {
  return capture === null ? undefined : { number, ...capture };
}
