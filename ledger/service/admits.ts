import type { Identity } from '../rpc/tls/identity.ts';
import { BookServiceService } from '../../proto/gen/meridian/internal/v1/book.ts';

const { watchTopology, repairChannel } = BookServiceService;

/** What operators do with a ledger server themselves, by path. */
const OPERATORS_PATHS: ReadonlySet<string> = new Set([watchTopology.path, repairChannel.path]);

/** Whether a caller of the own installation may call a method of a ledger server. */
export function admitsToBook({ kind }: Identity, path: string): boolean {
  if (kind === 'router' || kind === 'ledger') return true;
  return kind === 'operator' && OPERATORS_PATHS.has(path);
}
