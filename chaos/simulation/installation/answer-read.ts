import { GetAccountRequest } from '../../../proto/gen/meridian/v1/account.ts';
import { ListEntriesRequest, ListTransfersRequest } from '../../../proto/gen/meridian/v1/query.ts';
import type { ReadOptions } from '../../../proto/gen/meridian/v1/position.ts';
import { GetTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import type { BookMember } from '../../../ledger/member/book-member.ts';
import { AccountReads } from '../../../ledger/service/account-reads.ts';
import { EntryReads } from '../../../ledger/service/entry-reads.ts';
import { LongReads } from '../../../ledger/service/long-reads.ts';
import { TransferReads } from '../../../ledger/service/transfer-reads.ts';
import { whileLeading } from '../../../ledger/service/while-leading.ts';
import { type AskedRead, PAGE, type ReadAnswer } from '../recorded-reads.ts';

/** Answers a read with the services of a ledger server. @throws RpcError as the call would */
export function answerRead(
  member: BookMember,
  asked: AskedRead,
  options: ReadOptions,
): Promise<ReadAnswer> {
  const longReads = new LongReads(member.store, member.tuning);
  return whileLeading(member, async () => {
    switch (asked.kind) {
      case 'account': {
        const request = GetAccountRequest.fromPartial({ id: asked.id, options });
        const { account, position } = await new AccountReads(member).get(request);
        return { found: account, position };
      }
      case 'entries': {
        const { account: accountId, newestFirst } = asked;
        const page = { accountId, newestFirst, pageSize: PAGE, options };
        const reads = new EntryReads(member, longReads);
        const { entries, position } = await reads.list(ListEntriesRequest.fromPartial(page));
        return { found: entries, position };
      }
      case 'transfer': {
        const by = { $case: 'transferId', value: asked.id } as const;
        const reads = new TransferReads(member, longReads);
        const { transfer, positions } = await reads.get(
          GetTransferRequest.fromPartial({ by, options }),
        );
        return { found: transfer, position: positions[0] };
      }
      case 'transfers': {
        const scope = { $case: 'accountId', value: asked.account } as const;
        const page = { scope, newestFirst: true, pageSize: PAGE, options };
        const reads = new TransferReads(member, longReads);
        const { transfers, position } = await reads.list(ListTransfersRequest.fromPartial(page));
        return { found: transfers, position };
      }
    }
  });
}
