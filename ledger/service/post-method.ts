import {
  BatchOutcome,
  BookServiceService,
  type HaltedTransfer,
  PostReply,
} from '../../proto/gen/meridian/internal/v1/book.ts';
import type { CreateTransferRequest } from '../../proto/gen/meridian/v1/transfer.ts';
import { type MixedItems, type PlainItems, scanPlain } from '../core/plain/scan-plain.ts';
import { shapeOf } from '../rpc/message-shape.ts';
import { areMessages } from '../rpc/scan-message.ts';
import { decodePost, decodeTransfer } from './decode-post.ts';
import { resultBytes } from './outcome-bytes.ts';

// Tags of PostReply and of what is in it.
const OUTCOME = 10;
const BATCH = 8;

/** A request with plain transfers, of which none is decoded. */
export interface PlainRequest {
  readonly items: PlainItems;
  /** The transfers that are not plain, in their order; undefined: all are. */
  readonly others: CreateTransferRequest[] | undefined;
}

const TRANSFER_SHAPE = shapeOf('meridian.v1.CreateTransferRequest');

/**
 * The service of a ledger server. Requests of its method `post` that have plain transfers are
 * handed over as a PlainRequest, and a reply may be bytes that are encoded already.
 *
 * @param book number of the book that the server is a member of
 */
export function bookService(book: number) {
  const post = {
    ...BookServiceService.post,
    readBytes: (bytes: Buffer) => readPlain(bytes, book),
    requestDeserialize: decodePost,
    responseSerialize: (reply: PostReply | Buffer) =>
      Buffer.isBuffer(reply) ? reply : replyBytes(reply),
  };
  return { ...BookServiceService, post };
}

/** Undefined: the request is to be decoded, or to be refused as others are. */
function readPlain(bytes: Buffer, book: number): PlainRequest | undefined {
  const items = scanPlain(bytes, book);
  if (items?.mixed === undefined) return items && { items, others: undefined };
  const others = decodeOthers(bytes, items.mixed);
  return others && { items, others };
}

/** Undefined: one of them is no message, or has more in it than a request may have. */
function decodeOthers(bytes: Buffer, { others }: MixedItems): CreateTransferRequest[] | undefined {
  const requests: CreateTransferRequest[] = [];
  if (!areMessages(bytes, others, TRANSFER_SHAPE)) return undefined;
  try {
    for (const { start, end } of others) requests.push(decodeTransfer(bytes, start, end));
  } catch {
    // It is decoded again as a whole, and that error is answered.
    return undefined;
  }
  return requests;
}

function replyBytes(reply: PostReply): Buffer {
  if (reply.reply?.$case === 'outcome' && reply.reply.value.halted.length === 0) {
    const { batch, results } = reply.reply.value;
    return outcomeBytes(batch, resultBytes(results));
  }
  return Buffer.from(PostReply.encode(reply).finish());
}

/**
 * The bytes of a PostReply with the outcome of a batch.
 * @param results items of BatchOutcome
 * @param halted likewise
 */
export function outcomeBytes(batch: bigint, results: Buffer, halted = NOTHING_HALTED): Buffer {
  const number = batch === 0n ? [] : [BATCH, ...varint(batch)];
  const length = BigInt(number.length + results.length + halted.length);
  return Buffer.concat([Buffer.from([OUTCOME, ...varint(length), ...number]), results, halted]);
}

const NOTHING_HALTED: Uint8Array = new Uint8Array();

/** Items of BatchOutcome. */
export function haltedBytes(halted: readonly HaltedTransfer[]): Uint8Array {
  if (halted.length === 0) return NOTHING_HALTED;
  return BatchOutcome.encode({ batch: 0n, results: [], halted: [...halted] }).finish();
}

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return [...bytes, Number(rest)];
}
