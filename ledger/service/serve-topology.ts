import type { ServerWritableStream } from '@grpc/grpc-js';
import type { Topology, WatchTopologyRequest } from '../../proto/gen/meridian/internal/v1/book.ts';
import type { BookMember } from '../member/book-member.ts';

/** Clock readings of a server go out of date. */
const CLOCK_REPEAT_MS = 5_000;

/** Writes who leads the book and what this server knows of its clocks, at each change and again. */
export function serveTopology(
  member: BookMember,
  stream: ServerWritableStream<WatchTopologyRequest, Topology>,
): void {
  const { book, serverRegion } = member.config;
  const report = () => {
    const { leading, epoch, clockAlarm, partitionAlarms } = member.status;
    const { number, name, region } = book;
    const topology: Topology = {
      book: number,
      name,
      region,
      leading,
      epoch: BigInt(epoch),
      serverRegion,
      wallMicros: BigInt(Date.now()) * 1_000n,
      steadyMicros: BigInt(Math.floor(member.clock.steadyMicros())),
      clockAlarm,
      partitionAlarms: [...partitionAlarms],
    };
    stream.write(topology);
  };
  const stopListening = member.onStatus(report);
  const repeating = setInterval(report, CLOCK_REPEAT_MS);
  const stopReporting = () => {
    stopListening();
    clearInterval(repeating);
  };
  stream.on('cancelled', stopReporting);
  stream.on('error', stopReporting);
  report();
}
