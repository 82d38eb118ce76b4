import type { ServerDuplexStream } from '@grpc/grpc-js';
import {
  FaultCode,
  type HaltedTransfer,
  type PostReply,
  type PostRequest,
} from '../../proto/gen/meridian/internal/v1/book.ts';
import type { CreateTransferResponse } from '../../proto/gen/meridian/v1/transfer.ts';
import { bookOf } from '../core/account-id.ts';
import { validateAll } from '../core/validate/validate.ts';
import { decidingAccountOf, validateTransfer } from '../core/validate/validate-transfer.ts';
import type { BookMember } from '../member/book-member.ts';
import { DivergedError, type LedgerError } from '../leader/ledger-error.ts';
import type { LateResult } from '../leader/work.ts';
import { bytesOf, MalformedMessage } from '../rpc/message-bytes.ts';

type Stream = ServerDuplexStream<PostRequest, PostReply>;

const FAULT_CODES = {
  not_leader: FaultCode.NOT_LEADER,
  not_applied: FaultCode.NOT_APPLIED,
  overloaded: FaultCode.OVERLOADED,
  outcome_unknown: FaultCode.OUTCOME_UNKNOWN,
  diverged: FaultCode.CHANNEL_DIVERGED,
} as const satisfies Record<LedgerError['code'], FaultCode>;

/** Serves one router's posting stream. */
export function servePostStream(member: BookMember, stream: Stream): void {
  let open = true;
  const write = (reply: PostReply['reply']) => {
    // A router that is gone asks again with the same keys; it needs no answer here.
    if (open) stream.write({ reply });
  };
  stream.on('data', (request: PostRequest | MalformedMessage) => {
    if (request instanceof MalformedMessage) stream.emit('error', request.error);
    else submit(member, request, write);
  });
  stream.on('end', () => stream.end());
  stream.on('cancelled', () => {
    open = false;
  });
  stream.on('error', () => {
    open = false;
  });
}

function submit(
  member: BookMember,
  request: PostRequest,
  write: (reply: PostReply['reply']) => void,
): void {
  const { batch, transfers, timeoutMs } = request;
  const fault = (code: FaultCode, message: string, channel = '') =>
    write({ $case: 'fault', value: { batch, code, message, channel } });
  const { leader } = member;
  if (leader === undefined) {
    fault(FaultCode.NOT_LEADER, 'this server does not lead the book');
    return;
  }
  // Routers have checked this; a ledger server does not take their word for it.
  const [violation] = validateAll(transfers, 'transfers', validateTransfer);
  if (violation !== undefined) {
    fault(FaultCode.INVALID, `${violation.field} ${violation.description}`);
    return;
  }
  const { book } = member.config;
  if (transfers.some((transfer) => bookOf(decidingAccountOf(transfer)) !== book.number)) {
    // To reject it as unknown would burn its key here, where it does not belong.
    fault(FaultCode.INVALID, `a debit account is not of ${book.name}`);
    return;
  }
  if (timeoutMs.length !== transfers.length) {
    fault(FaultCode.INVALID, 'timeout_ms must have one item for each transfer');
    return;
  }
  if (transfers.some(({ dryRun }) => dryRun)) {
    fault(FaultCode.INVALID, 'a dry run must not be posted');
    return;
  }
  const now = performance.now();
  leader.submit({
    kind: 'transfers',
    requests: transfers,
    bytes: bytesOf(request),
    startBefore: timeoutMs.map((ms) => now + ms),
    onOutcome: (results: CreateTransferResponse[], halted: readonly HaltedTransfer[]) =>
      write({ $case: 'outcome', value: { batch, results, halted: [...halted] } }),
    onLate: (results: LateResult[]) =>
      write({
        $case: 'late',
        value: { results: results.map((late) => ({ ...late, batch })) },
      }),
    onFailure: (why: LedgerError) =>
      fault(FAULT_CODES[why.code], why.message, why instanceof DivergedError ? why.channel : ''),
  });
}
