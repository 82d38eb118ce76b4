import type {
  ServerDuplexStream,
  UntypedHandleCall,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';

type Stream = ServerDuplexStream<unknown, unknown>;

/**
 * Handlers of streams that answer each message at once, whether or not the answers are read, made to
 * take no more messages while they are not: each would wait in memory.
 */
export function pacedStreams(implementation: UntypedServiceImplementation) {
  const paced: Record<string, UntypedHandleCall> = {};
  for (const [name, handle] of Object.entries(implementation)) {
    paced[name] = (stream: Stream) => {
      const write = stream.write.bind(stream);
      const writePaced = (message: unknown): boolean => {
        const hasRoom = write(message);
        if (!hasRoom) {
          stream.pause();
          stream.once('drain', () => stream.resume());
        }
        return hasRoom;
      };
      stream.write = writePaced;
      Reflect.apply(handle, implementation, [stream]);
    };
  }
  return paced;
}
