import {
  FaultCode,
  type HaltedTransfer,
  type PostReply,
  type PostRequest,
} from '../../proto/gen/meridian/internal/v1/book.ts';
import type { CreateTransferResponse } from '../../proto/gen/meridian/v1/transfer.ts';
import { bookOf } from '../core/account-id.ts';
import type { PlainItems } from '../core/plain/scan-plain.ts';
import { validateAll } from '../core/validate/validate.ts';
import { decidingAccountOf, validateTransfer } from '../core/validate/validate-transfer.ts';
import type { BookMember } from '../member/book-member.ts';
import { DivergedError, type LedgerError } from '../leader/ledger-error.ts';
import type { LateResult, TransferWork } from '../leader/work.ts';
import type { RpcError } from '../rpc/error.ts';
import { bytesOf, MalformedMessage } from '../rpc/message-bytes.ts';
import { decodePost } from './decode-post.ts';
import { outcomeBytes } from './post-method.ts';

/** A posting stream, whose requests and replies may be bytes: see post-method.ts. */
interface PostStream {
  on(event: 'data', listener: (request: PostRequest | PlainItems | MalformedMessage) => void): this;
  on(event: 'end' | 'cancelled' | 'error', listener: () => void): this;
  emit(event: 'error', error: RpcError): boolean;
  write(reply: PostReply | Buffer): boolean;
  end(): void;
}

const FAULT_CODES = {
  not_leader: FaultCode.NOT_LEADER,
  not_applied: FaultCode.NOT_APPLIED,
  overloaded: FaultCode.OVERLOADED,
  outcome_unknown: FaultCode.OUTCOME_UNKNOWN,
  diverged: FaultCode.CHANNEL_DIVERGED,
} as const satisfies Record<LedgerError['code'], FaultCode>;

/** Serves one router's posting stream. */
export function servePostStream(member: BookMember, stream: PostStream): void {
  let open = true;
  const write = (reply: PostReply | Buffer) => {
    // A router that is gone asks again with the same keys; it needs no answer here.
    if (open) stream.write(reply);
  };
  stream.on('data', (request) => {
    if (request instanceof MalformedMessage) stream.emit('error', request.error);
    else if ('columns' in request) submitPlain(member, request, { stream, write });
    else submit(member, request, { stream, write });
  });
  stream.on('end', () => stream.end());
  stream.on('cancelled', () => {
    open = false;
  });
  stream.on('error', () => {
    open = false;
  });
}

/** Where a request came from. */
interface Source {
  readonly stream: PostStream;
  readonly write: (reply: PostReply | Buffer) => void;
}

/** Plain transfers, which are sound as far as that can be seen without the state of the book. */
function submitPlain(member: BookMember, items: PlainItems, source: Source): void {
  const { bytes, batch, timeoutMs } = items;
  const { leader } = member;
  if (leader === undefined) {
    writeNotLeading(batch, source);
    return;
  }
  const now = performance.now();
  leader.submit({
    kind: 'plain',
    items,
    stream: source.stream,
    startBefore: now + timeoutMs,
    general: () => transferWork(decodePost(bytes), bytes.length, now, source),
    onPosted: (results) => source.write(outcomeBytes(batch, results)),
    onFailure: (why) => writeFailure(batch, why, source),
  });
}

function submit(member: BookMember, request: PostRequest, source: Source): void {
  const { batch, transfers, timeoutMs } = request;
  const { leader } = member;
  if (leader === undefined) {
    writeNotLeading(batch, source);
    return;
  }
  const invalid = (message: string) => writeFault(batch, FaultCode.INVALID, message, source);
  // Routers have checked this; a ledger server does not take their word for it.
  const [violation] = validateAll(transfers, 'transfers', validateTransfer);
  if (violation !== undefined) {
    invalid(`${violation.field} ${violation.description}`);
    return;
  }
  const { book } = member.config;
  if (transfers.some((transfer) => bookOf(decidingAccountOf(transfer)) !== book.number)) {
    // To reject it as unknown would burn its key here, where it does not belong.
    invalid(`a debit account is not of ${book.name}`);
    return;
  }
  if (timeoutMs.length !== transfers.length) {
    invalid('timeout_ms must have one item for each transfer');
    return;
  }
  if (transfers.some(({ dryRun }) => dryRun)) {
    invalid('a dry run must not be posted');
    return;
  }
  leader.submit(transferWork(request, bytesOf(request), performance.now(), source));
}

/** @param arrived performance.now() when the request came */
function transferWork(
  { batch, transfers, timeoutMs }: PostRequest,
  bytes: number,
  arrived: number,
  source: Source,
): TransferWork {
  const write = (reply: PostReply['reply']) => source.write({ reply });
  return {
    kind: 'transfers',
    stream: source.stream,
    requests: transfers,
    bytes,
    startBefore: timeoutMs.map((ms) => arrived + ms),
    onOutcome: (results: CreateTransferResponse[], halted: readonly HaltedTransfer[]) =>
      write({ $case: 'outcome', value: { batch, results, halted: [...halted] } }),
    onLate: (results: LateResult[]) =>
      write({
        $case: 'late',
        value: { results: results.map((late) => ({ ...late, batch })) },
      }),
    onFailure: (why) => writeFailure(batch, why, source),
  };
}

function writeNotLeading(batch: bigint, source: Source): void {
  writeFault(batch, FaultCode.NOT_LEADER, 'this server does not lead the book', source);
}

function writeFailure(batch: bigint, why: LedgerError, source: Source): void {
  const channel = why instanceof DivergedError ? why.channel : '';
  writeFault(batch, FAULT_CODES[why.code], why.message, source, channel);
}

function writeFault(
  batch: bigint,
  code: FaultCode,
  message: string,
  { write }: Source,
  channel = '',
): void {
  write({ reply: { $case: 'fault', value: { batch, code, message, channel } } });
}
