import { createRequire } from 'node:module';
import path from 'node:path';
import {
  type Client,
  loadPackageDefinition,
  makeClientConstructor,
  type ServiceDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import * as protoLoader from '@grpc/proto-loader';
import { channelTo } from '../../links/known-links.ts';

const OPTIONS = { keepCase: true, longs: String, enums: String, defaults: true };

/** How a server describes itself, asked as any client in any language would. */
interface ReflectionReply {
  readonly list_services_response?: { readonly service: readonly { readonly name: string }[] };
  readonly file_descriptor_response?: { readonly file_descriptor_proto: readonly Buffer[] };
  readonly error_response?: { readonly error_code: number; readonly error_message: string };
}

interface Duplex {
  on(event: 'data', listener: (reply: ReflectionReply) => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
  write(request: object): void;
  end(): void;
}

function reflectionService(): ServiceDefinition {
  const build = path.dirname(createRequire(import.meta.url).resolve('@grpc/reflection'));
  const file = path.join(build, '..', 'proto', 'grpc', 'reflection', 'v1', 'reflection.proto');
  return serviceOf(protoLoader.loadSync(file, OPTIONS), 'grpc.reflection.v1.ServerReflection');
}

function serviceOf(definition: protoLoader.PackageDefinition, name: string): ServiceDefinition {
  const service = definition[name];
  if (service === undefined || 'format' in service) throw new Error(`there is no service ${name}`);
  return service;
}

/** Asks the reflection service one question. */
export function reflect(address: string, question: object): Promise<ReflectionReply> {
  const Reflection = makeClientConstructor(reflectionService(), 'ServerReflection');
  const client = new Reflection(address, channelTo(address, 'router'));
  const ask: unknown = client['ServerReflectionInfo'];
  if (typeof ask !== 'function') throw new Error('the reflection service has another method');
  return new Promise((resolve, reject) => {
    const stream: Duplex = Reflect.apply(ask, client, []);
    stream.on('data', (reply) => {
      resolve(reply);
      stream.end();
      client.close();
    });
    stream.on('error', reject);
    stream.write(question);
  });
}

/** A file descriptor set consists of the files, each as field 1. */
function descriptorSet(files: readonly Buffer[]): Buffer {
  const parts = files.flatMap((file) => {
    const head: number[] = [(1 << 3) | 2];
    let length = file.length;
    for (; length > 127; length = Math.floor(length / 128)) head.push((length % 128) | 128);
    return [Buffer.from([...head, length]), file];
  });
  return Buffer.concat(parts);
}

type Unary = (request: object) => Promise<Record<string, unknown>>;

/** A client of a service made from nothing but the server's description of it. */
export class ReflectedClient {
  readonly #client: Client & Record<string, unknown>;

  private constructor(client: Client & Record<string, unknown>) {
    this.#client = client;
  }

  static async of(address: string, service: string): Promise<ReflectedClient> {
    const reply = await reflect(address, { file_containing_symbol: service });
    const files = reply.file_descriptor_response?.file_descriptor_proto ?? [];
    const definition = protoLoader.loadFileDescriptorSetFromBuffer(descriptorSet(files), OPTIONS);
    // Throws if a file that another one imports is missing.
    loadPackageDefinition(definition);
    const Stub = makeClientConstructor(serviceOf(definition, service), service);
    return new ReflectedClient(new Stub(address, channelTo(address, 'router')));
  }

  call(method: string): Unary {
    const client = this.#client;
    const make = client[method];
    if (typeof make !== 'function') throw new Error(`the service has no method ${method}`);
    return (request) =>
      new Promise((resolve, reject) => {
        const done = (error: ServiceError | null, response: Record<string, unknown>) => {
          if (error === null) resolve(response);
          else reject(error);
        };
        Reflect.apply(make, client, [request, { deadline: Date.now() + 10_000 }, done]);
      });
  }

  close(): void {
    this.#client.close();
  }
}
