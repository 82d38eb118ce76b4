import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { invalidArgument, type RpcError } from './error.ts';
import { requestShape } from './message-shape.ts';
import { scanMessage } from './scan-message.ts';

/** Encoded size of the requests that are still in memory. */
const sizes = new WeakMap<object, number>();

/**
 * Takes the place of a request that could not be decoded: gRPC has no way to report why, and it
 * must not overtake the answers to what came before it on a stream.
 */
export class MalformedMessage {
  /** INVALID_ARGUMENT. */
  readonly error: RpcError;

  constructor(error: RpcError) {
    this.error = error;
  }
}

/** What the definition of a method may have besides what gRPC knows. */
interface BytesMethod {
  readonly path: string;
  /**
   * Makes a request of bytes without decoding them, at a cost that is bounded by their number.
   * Undefined: they are to be scanned and decoded, as those of all other methods are.
   */
  readonly readBytes?: (bytes: Buffer) => object | undefined;
}

/**
 * The same service, which decodes nothing before its size is known to be bounded, and remembers how
 * large each request was on the wire. A handler is given a MalformedMessage for what is no request.
 */
export function measured<Service extends ServiceDefinition>(service: Service): Service {
  const methods = Object.entries(service).map(([name, method]) => {
    const shape = requestShape(method.path);
    const { readBytes }: BytesMethod = method;
    const requestDeserialize = (bytes: Buffer): unknown => {
      const read = readBytes?.(bytes);
      if (read !== undefined) return read;
      const violation = scanMessage(bytes, shape);
      if (violation !== undefined) return new MalformedMessage(invalidArgument([violation]));
      let request: unknown;
      try {
        request = method.requestDeserialize(bytes);
      } catch (error) {
        const description = `cannot be decoded: ${String(error)}`;
        return new MalformedMessage(invalidArgument([{ field: 'request', description }]));
      }
      if (typeof request === 'object' && request !== null) sizes.set(request, bytes.length);
      return request;
    };
    return [name, { ...method, requestDeserialize }];
  });
  return { ...service, ...Object.fromEntries(methods) };
}

/**
 * An implementation of a service whose handlers, but for those of streams of requests, get nothing
 * that is malformed: it is answered for them.
 */
export function answeringMalformed(
  service: ServiceDefinition,
  implementation: UntypedServiceImplementation,
): UntypedServiceImplementation {
  const handlers = Object.entries(implementation).map(([name, handle]) => {
    if (service[name]?.requestStream !== false) return [name, handle];
    const answering = (call: RequestCall, callback?: (error: RpcError) => void) => {
      if (!(call.request instanceof MalformedMessage))
        Reflect.apply(handle, implementation, [call, callback]);
      else if (callback === undefined) call.emit('error', call.request.error);
      else callback(call.request.error);
    };
    return [name, answering];
  });
  return Object.fromEntries(handlers);
}

interface RequestCall {
  readonly request: unknown;
  emit(event: 'error', error: RpcError): boolean;
}

/** Encoded size of a request of a measured service, in bytes. */
export function bytesOf(request: object): number {
  return sizes.get(request) ?? 0;
}
