import { BookServiceService, PostReply } from '../../proto/gen/meridian/internal/v1/book.ts';
import { scanPlain } from '../core/plain/scan-plain.ts';
import { decodePost } from './decode-post.ts';
import { resultBytes } from './outcome-bytes.ts';

// Tags of PostReply and of what is in it.
const OUTCOME = 10;
const BATCH = 8;

/**
 * The service of a ledger server. Requests of its method `post` that have nothing but plain
 * transfers are handed over as PlainItems, and a reply may be bytes that are encoded already.
 *
 * @param book number of the book that the server is a member of
 */
export function bookService(book: number) {
  const post = {
    ...BookServiceService.post,
    readBytes: (bytes: Buffer) => scanPlain(bytes, book),
    requestDeserialize: decodePost,
    responseSerialize: (reply: PostReply | Buffer) =>
      Buffer.isBuffer(reply) ? reply : replyBytes(reply),
  };
  return { ...BookServiceService, post };
}

function replyBytes(reply: PostReply): Buffer {
  if (reply.reply?.$case === 'outcome' && reply.reply.value.halted.length === 0) {
    const { batch, results } = reply.reply.value;
    return outcomeBytes(batch, resultBytes(results));
  }
  return Buffer.from(PostReply.encode(reply).finish());
}

/** The bytes of a PostReply with the outcome of a batch. @param results items of BatchOutcome */
export function outcomeBytes(batch: bigint, results: Buffer): Buffer {
  const number = batch === 0n ? [] : [BATCH, ...varint(batch)];
  const length = BigInt(number.length + results.length);
  return Buffer.concat([Buffer.from([OUTCOME, ...varint(length), ...number]), results]);
}

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return [...bytes, Number(rest)];
}
