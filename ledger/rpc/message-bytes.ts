import type { ServiceDefinition } from '@grpc/grpc-js';

/** Encoded size of the requests that are still in memory. */
const sizes = new WeakMap<object, number>();

/** The same service, which remembers how large each request was on the wire. */
export function measured<Service extends ServiceDefinition>(service: Service): Service {
  const methods = Object.entries(service).map(([name, method]) => {
    const requestDeserialize = (bytes: Buffer): unknown => {
      const request: unknown = method.requestDeserialize(bytes);
      if (typeof request === 'object' && request !== null) sizes.set(request, bytes.length);
      return request;
    };
    return [name, { ...method, requestDeserialize }];
  });
  return { ...service, ...Object.fromEntries(methods) };
}

/** Encoded size of a request of a measured service, in bytes. */
export function bytesOf(request: object): number {
  return sizes.get(request) ?? 0;
}
