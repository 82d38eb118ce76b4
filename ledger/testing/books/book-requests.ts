import { OpenAccountRequest } from '../../../proto/gen/meridian/v1/account.ts';
import { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import { accountId } from '../../core/account-id.ts';

/** A well-formed transfer, with whatever a test wants to be different. */
export function transferRequest(
  fields: Partial<CreateTransferRequest> = {},
): CreateTransferRequest {
  return CreateTransferRequest.fromPartial({
    idempotencyKey: 'key-1',
    debitAccountId: accountId(1, 1),
    creditAccountId: accountId(1, 2),
    amount: 1n,
    ...fields,
  });
}

/** A well-formed opening of an account without limits, with whatever should be different. */
export function openRequest(fields: Partial<OpenAccountRequest> = {}): OpenAccountRequest {
  return {
    externalId: 'alice',
    homeRegion: 'eu-west',
    asset: 'EUR',
    min: { $case: 'noMinBalance', value: true },
    max: undefined,
    metadata: {},
    dryRun: false,
    ...fields,
  };
}

/** Text that has broken a ledger before: separators, quotes, escapes, look-alikes of NULL. */
export const EXOTIC_TEXTS = [
  'NULL',
  'null',
  '"',
  '""',
  '\\',
  '\\"',
  '{}',
  '{a,b}',
  ',',
  "'; DROP TABLE journal; --",
  '$1',
  '|',
  '3:abc|',
  ' leading and trailing ',
  '\t\n\r',
  '\u{1}\u{7f}',
  'é',
  'e\u{301}',
  '\u{feff}bom',
  'Ünïcödé ✓ 中文 עברית',
  '\u{1f4b6}\u{1f3f4}\u{200d}\u{2620}',
  '\u{202e}rtl',
  '__proto__',
  'constructor',
  'toString',
] as const;
