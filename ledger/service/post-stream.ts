import {
  FaultCode,
  type HaltedTransfer,
  type PostReply,
  type PostRequest,
} from '../../proto/gen/meridian/internal/v1/book.ts';
import type {
  CreateTransferRequest,
  CreateTransferResponse,
} from '../../proto/gen/meridian/v1/transfer.ts';
import { bookOf } from '../core/account-id.ts';
import { bytesAt, runsOf, type SequenceRuns } from '../core/plain/scan-plain.ts';
import { validateAll } from '../core/validate/validate.ts';
import { decidingAccountOf, validateTransfer } from '../core/validate/validate-transfer.ts';
import type { BookMember } from '../member/book-member.ts';
import { DivergedError, type LedgerError } from '../leader/ledger-error.ts';
import type { LateResult, PlainOutcome, TransferWork } from '../leader/work.ts';
import type { RpcError } from '../rpc/error.ts';
import { bytesOf, MalformedMessage } from '../rpc/message-bytes.ts';
import { decodePost, decodeTransfer } from './decode-post.ts';
import { mixedResults } from './mixed-results.ts';
import { haltedBytes, outcomeBytes, type PlainRequest } from './post-method.ts';

/** A posting stream, whose requests and replies may be bytes: see post-method.ts. */
interface PostStream {
  on(
    event: 'data',
    listener: (request: PostRequest | PlainRequest | MalformedMessage) => void,
  ): this;
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
    else if ('items' in request) submitPlain(member, request, { stream, write });
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

/** The plain transfers are sound as far as that can be seen without the state of the book. */
function submitPlain(member: BookMember, request: PlainRequest, source: Source): void {
  const { items, others } = request;
  const { bytes, batch } = items;
  const { leader } = member;
  if (leader === undefined) {
    writeNotLeading(batch, source);
    return;
  }
  const arrived = performance.now();
  if (others !== undefined && whyInvalid(member, others) !== undefined) {
    // For the error to name the transfer by its index in the request.
    submit(member, decodePost(bytes), source);
    return;
  }
  leader.submit({
    kind: 'plain',
    items,
    others: others && { requests: others },
    stream: source.stream,
    arrived,
    requestOf: (place) => decodeTransfer(bytes, ...bytesAt(items, place)),
    onOutcome: (outcome) => source.write(plainReply(batch, items.count, outcome)),
    onLate: (results) => writeLate(batch, results, source),
    onFailure: (why) => writeFailure(batch, why, source),
  });
}

/** @param count transfers of the request */
function plainReply(batch: bigint, count: number, { posted, general }: PlainOutcome): Buffer {
  if (general === undefined) return outcomeBytes(batch, posted);
  const results = mixedResults(posted, general, count);
  return outcomeBytes(batch, results, haltedBytes(general.halted));
}

function submit(member: BookMember, request: PostRequest, source: Source): void {
  const { batch, transfers, timeoutMs, runSequences, runTransfers } = request;
  const { leader } = member;
  if (leader === undefined) {
    writeNotLeading(batch, source);
    return;
  }
  const invalid = (message: string) => writeFault(batch, FaultCode.INVALID, message, source);
  const why = whyInvalid(member, transfers);
  if (why !== undefined) {
    invalid(why);
    return;
  }
  if (timeoutMs.length !== transfers.length) {
    invalid('timeout_ms must have one item for each transfer');
    return;
  }
  const runs = runsOf(runSequences, runTransfers, transfers.length);
  if (runs === null) {
    invalid('run_sequences and run_transfers must be runs of all transfers');
    return;
  }
  leader.submit(transferWork(request, runs, performance.now(), source));
}

/** What is wrong with transfers. Routers have checked it; their word is not taken for it. */
function whyInvalid(
  { config: { book } }: BookMember,
  transfers: readonly CreateTransferRequest[],
): string | undefined {
  const [violation] = validateAll(transfers, 'transfers', validateTransfer);
  if (violation !== undefined) return `${violation.field} ${violation.description}`;
  if (transfers.some((transfer) => bookOf(decidingAccountOf(transfer)) !== book.number)) {
    // To reject it as unknown would burn its key here, where it does not belong.
    return `a debit account is not of ${book.name}`;
  }
  return transfers.some(({ dryRun }) => dryRun) ? 'a dry run must not be posted' : undefined;
}

/** @param arrived performance.now() when the request came */
function transferWork(
  request: PostRequest,
  runs: SequenceRuns | undefined,
  arrived: number,
  source: Source,
): TransferWork {
  const { batch, transfers, timeoutMs } = request;
  const write = (reply: PostReply['reply']) => source.write({ reply });
  return {
    kind: 'transfers',
    stream: source.stream,
    runs,
    requests: transfers,
    bytes: bytesOf(request),
    startBefore: timeoutMs.map((ms) => arrived + ms),
    onOutcome: (results: CreateTransferResponse[], halted: readonly HaltedTransfer[]) =>
      write({ $case: 'outcome', value: { batch, results, halted: [...halted] } }),
    onLate: (results: LateResult[]) => writeLate(batch, results, source),
    onFailure: (why) => writeFailure(batch, why, source),
  };
}

function writeLate(batch: bigint, results: readonly LateResult[], { write }: Source): void {
  const value = { results: results.map((late) => ({ ...late, batch })) };
  write({ reply: { $case: 'late', value } });
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
