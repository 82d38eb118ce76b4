import {
  Server,
  type ServerOptions,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type * as protoLoader from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import { InvariantError } from '../core/assert.ts';
import type { Access } from './access/access.ts';
import { type CallMemoryLimits, type CallWatch, CallWatches } from './call-watch.ts';
import { descriptorFiles } from './descriptors.ts';
import { EndlessStreams } from './endless-streams.ts';
import { WINDOW_BYTES } from './flow-control.ts';
import { permissionDenied, type RpcError } from './error.ts';
import { answeringMalformed, measured } from './message-bytes.ts';
import { pacedStreams } from './paced-streams.ts';
import type { LinkSecurity } from './tls/credentials.ts';
import { identityUri } from './tls/identity.ts';
import { Peers } from './tls/peers.ts';

/** Default of `drainMs`. */
const DRAIN_MS = 5_000;

/** Streams that one connection may reset at once, and in each second after. */
const RESETS_BURST = 10_000;
const RESETS_PER_SECOND = 1_000;

export interface RpcServerConfig {
  /** HOST:PORT to listen on. */
  readonly listen: string;
  readonly service: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
  readonly limits: CallMemoryLimits;
  /** Full name of the service, such as meridian.v1.LedgerService. */
  readonly serviceName: string;
  readonly security: LinkSecurity;
  /** Who may call what. Undefined only where nothing is authenticated: all may then. */
  readonly access: Access | undefined;
  /** How long calls in progress may take when the server stops, in milliseconds. */
  readonly drainMs?: number;
  /** Methods whose streams the service ends itself, before `stop` or soon after. */
  readonly endsItself?: readonly string[];
}

/** A server that knows which streams its callers would never end. */
class KnowingServer extends Server {
  readonly endless = new EndlessStreams();
  readonly #endsItself: readonly string[];

  constructor(options: ServerOptions, endsItself: readonly string[]) {
    super(options);
    this.#endsItself = endsItself;
  }

  override addService(
    service: ServiceDefinition,
    implementation: UntypedServiceImplementation,
  ): void {
    const methods = Object.keys(implementation).filter((name) => !this.#endsItself.includes(name));
    super.addService(service, this.endless.knownOf(implementation, methods));
  }
}

/** A gRPC server with health checking and reflection. */
export class RpcServer {
  readonly #server: KnowingServer;
  readonly #health = new HealthImplementation();
  readonly #config: RpcServerConfig;
  readonly #watches: CallWatches;
  readonly #ownPaths: ReadonlySet<string>;
  #stopChecking: () => void = () => undefined;
  /** Who calls. */
  readonly peers: Peers;

  constructor(config: RpcServerConfig) {
    const { service } = config;
    this.#config = config;
    if ((config.access === undefined) !== (config.security.trustDomain === undefined)) {
      throw new InvariantError('access is limited exactly where callers are authenticated');
    }
    this.peers = new Peers(config.security);
    const paths = new Set(Object.values(service).map((method) => method.path));
    this.#ownPaths = paths;
    const watches = new CallWatches(config.limits, paths);
    this.#watches = watches;
    const options = {
      'grpc.max_receive_message_length': config.limits.messageBytes,
      'grpc-node.call_watch': this.#open.bind(this),
      // A caller that gives calls up resets their streams. Beyond this many, at once and per second,
      // Node closes the connection, and with it all calls that others have on it.
      'grpc-node.stream_reset_burst': RESETS_BURST,
      'grpc-node.stream_reset_rate': RESETS_PER_SECOND,
      'grpc-node.flow_control_window': WINDOW_BYTES,
      'grpc.max_send_message_length': -1,
      'grpc.max_concurrent_streams': 10_000,
      'grpc.keepalive_time_ms': 10_000,
      'grpc.keepalive_timeout_ms': 5_000,
      'grpc.enable_channelz': 0,
    };
    this.#server = new KnowingServer(options, config.endsItself ?? []);
    const answering = answeringMalformed(service, config.implementation);
    this.#server.addService(measured(service), answering);
    this.#health.addToServer(this.#server);
    const services = [config.serviceName, 'grpc.health.v1.Health'];
    new ReflectionService(descriptors(), { services }).addToServer({
      addService: (definition, reflecting) => {
        this.#server.addService(definition, pacedStreams(reflecting));
      },
    });
    this.setServing(false);
  }

  /**
   * Resolves with the port that it listens on.
   * @throws Error naming the address if it cannot be listened on
   */
  start(): Promise<number> {
    const { listen, security, access } = this.#config;
    this.peers.watch();
    const check = this.#refusal.bind(this);
    this.#stopChecking =
      access?.onChange(() => this.#watches.refuseStreams(check)) ?? this.#stopChecking;
    return new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(listen, security.server(), (error, port) => {
        if (error === null) resolve(port);
        else reject(new Error(`cannot listen on ${listen}: ${error.message}`, { cause: error }));
      });
    });
  }

  /** Begins a call, unless its caller may not make it. */
  #open(
    session: object,
    method: { readonly path: string; readonly type: string },
    refuse: (error: RpcError) => void,
  ): CallWatch {
    const call = this.#watches.open(session, method, refuse);
    const refusal = this.#refusal(session, method.path);
    // The library is still making the call. Nothing of its request is read before.
    if (refusal !== undefined) process.nextTick(() => call.refuse(refusal));
    return call;
  }

  /** Why a caller may not call a method. Health checks and reflection are for all that may connect. */
  #refusal(session: object, path: string): RpcError | undefined {
    const { security, access } = this.#config;
    if (access === undefined) return undefined;
    const caller = this.peers.of(session);
    if (!this.#ownPaths.has(path)) return undefined;
    const isOwn = caller?.trustDomain === security.trustDomain;
    if (caller !== undefined && isOwn && access.admits(caller, path)) return undefined;
    return permissionDenied(caller === undefined ? '' : identityUri(caller), path);
  }

  /** Sets the state that health checks get, for the whole server and for its service. */
  setServing(serving: boolean): void {
    const state = serving ? 'SERVING' : 'NOT_SERVING';
    this.#health.setStatus('', state);
    this.#health.setStatus(this.#config.serviceName, state);
  }

  /**
   * Takes no new calls, ends streams that have no end of their own, waits for the other calls in
   * progress a while, then cuts them.
   */
  async stop(): Promise<void> {
    this.#watches.close();
    this.peers.close();
    this.#stopChecking();
    this.setServing(false);
    this.#server.endless.end();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        this.#server.forceShutdown();
        resolve();
      }, this.#config.drainMs ?? DRAIN_MS);
      this.#server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

/**
 * What reflection serves. The descriptors come from the compiler of protocols: those that
 * proto-loader makes lack what strict clients need to link them.
 */
function descriptors(): protoLoader.PackageDefinition {
  const format = 'Protocol Buffer 3 EnumDescriptorProto';
  return { files: { format, type: {}, fileDescriptorProtos: [...descriptorFiles] } };
}
