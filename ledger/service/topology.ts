import type { ServerWritableStream } from '@grpc/grpc-js';
import type { Topology, WatchTopologyRequest } from '../../proto/gen/meridian/internal/v1/book.ts';
import type { BookMember } from '../member/book-member.ts';

/** What a server says of its clocks is old after a while. */
const CLOCK_REPEAT_MS = 5_000;

/** Writes who leads the book and what this server knows of its clocks, at each change and again. */
export function serveTopology(
  member: BookMember,
  stream: ServerWritableStream<WatchTopologyRequest, Topology>,
): void {
  const { book, serverRegion } = member.config;
  const tell = () => {
    const { leading, epoch, clockAlarm } = member.status;
    const { number, name, region } = book;
    const said: Topology = {
      book: number,
      name,
      region,
      leading,
      epoch: BigInt(epoch),
      serverRegion,
      wallMicros: BigInt(Date.now()) * 1_000n,
      steadyMicros: BigInt(Math.floor(member.clock.steadyMicros())),
      clockAlarm,
    };
    stream.write(said);
  };
  const stopListening = member.onStatus(tell);
  const repeating = setInterval(tell, CLOCK_REPEAT_MS);
  const stopTelling = () => {
    stopListening();
    clearInterval(repeating);
  };
  stream.on('cancelled', stopTelling);
  stream.on('error', stopTelling);
  tell();
}
