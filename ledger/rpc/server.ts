import { readFileSync } from 'node:fs';
import path from 'node:path';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import {
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import * as protoLoader from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { measured } from './message-bytes.ts';
import { HealthImplementation, protoPath as healthProto } from 'grpc-health-check';

/** Every file of proto/ and what it imports, as `npm run generate` leaves it. */
const DESCRIPTORS = path.join(import.meta.dirname, '..', '..', 'proto', 'gen', 'descriptors.binpb');

/** How long calls in progress may take when the server stops. */
const DRAIN_MS = 5_000;

export interface RpcServerConfig {
  /** HOST:PORT to listen on. */
  readonly listen: string;
  readonly service: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
  /** Largest message taken. */
  readonly messageBytesMax: number;
  /** Full name of the service, such as meridian.v1.LedgerService. */
  readonly serviceName: string;
}

/** A gRPC server with health checking and reflection. */
export class RpcServer {
  readonly #server: Server;
  readonly #health = new HealthImplementation();
  readonly #config: RpcServerConfig;

  constructor(config: RpcServerConfig) {
    this.#config = config;
    this.#server = new Server({
      'grpc.max_receive_message_length': config.messageBytesMax,
      'grpc.max_send_message_length': -1,
      'grpc.max_concurrent_streams': 10_000,
      'grpc.keepalive_time_ms': 10_000,
      'grpc.keepalive_timeout_ms': 5_000,
      'grpc.enable_channelz': 0,
    });
    this.#server.addService(measured(config.service), config.implementation);
    this.#health.addToServer(this.#server);
    const services = [config.serviceName, 'grpc.health.v1.Health'];
    new ReflectionService(descriptors(), { services }).addToServer(this.#server);
    this.setServing(false);
  }

  /** @throws Error naming the address if it cannot be listened on */
  async start(): Promise<void> {
    const { listen } = this.#config;
    await new Promise<void>((resolve, reject) => {
      this.#server.bindAsync(listen, ServerCredentials.createInsecure(), (error) => {
        if (error === null) resolve();
        else reject(new Error(`cannot listen on ${listen}: ${error.message}`, { cause: error }));
      });
    });
  }

  /** What health checks are told, for the whole server and for its service. */
  setServing(serving: boolean): void {
    const state = serving ? 'SERVING' : 'NOT_SERVING';
    this.#health.setStatus('', state);
    this.#health.setStatus(this.#config.serviceName, state);
  }

  /** Takes no new calls, waits for those in progress a while, then cuts them. */
  async stop(): Promise<void> {
    this.setServing(false);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        this.#server.forceShutdown();
        resolve();
      }, DRAIN_MS);
      this.#server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

/**
 * What reflection tells. The descriptors of our own files come from the compiler of protocols:
 * those that proto-loader makes lack their imports, and clients cannot link them.
 */
function descriptors(): protoLoader.PackageDefinition {
  const reader = new BinaryReader(readFileSync(DESCRIPTORS));
  const files: Buffer[] = [];
  while (reader.pos < reader.len) {
    // A FileDescriptorSet has one field: the files.
    reader.tag();
    files.push(Buffer.from(reader.bytes()));
  }
  const format = 'Protocol Buffer 3 EnumDescriptorProto';
  return {
    ...protoLoader.loadSync(healthProto),
    files: { format, type: {}, fileDescriptorProtos: files },
  };
}
