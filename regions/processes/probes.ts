import { connect } from 'node:net';
import { Client } from '@grpc/grpc-js';
import { service as healthService } from 'grpc-health-check';
import postgres from 'postgres';
import { channelTo } from '../links/known-links.ts';

/** Each probe checks whether a server serves, within `timeoutMs` (default 1 s). */

const defaultTimeoutMs = 1_000;

interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Sends `text` to a TCP port and returns the first reply; '' for none. */
function exchange({ host, port }: Endpoint, text: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    const finish = (answer: string | Error) => {
      clearTimeout(timer);
      socket.destroy();
      if (answer instanceof Error) reject(answer);
      else resolve(answer);
    };
    const timer = setTimeout(() => finish(new Error(`port ${port} is silent`)), timeoutMs);
    socket.once('error', finish);
    socket.once('close', () => finish(''));
    socket.once('data', (data) => finish(data.toString('utf8')));
    socket.once('connect', () => {
      if (text === '') finish('');
      else socket.write(text);
    });
  });
}

/** True when something accepts connections on the port. */
export async function probeTcp(at: Endpoint, timeoutMs = defaultTimeoutMs): Promise<boolean> {
  return exchange(at, '', timeoutMs).then(
    () => true,
    () => false,
  );
}

/** True when Redis answers PING with PONG, after the password if there is one. */
export async function probeRedis(url: string, timeoutMs = defaultTimeoutMs): Promise<boolean> {
  const { hostname: host, port, password } = new URL(url);
  const login = password === '' ? '' : `AUTH ${decodeURIComponent(password)}\r\n`;
  // One line back suffices: a refused password or a busy Redis starts with '-'.
  const at = { host, port: Number(port) };
  const answer = await exchange(at, `${login}PING\r\n`, timeoutMs).catch(() => '');
  return answer.startsWith('+');
}

/** True when Postgres accepts the login and answers SELECT 1. */
export async function probePostgres(url: string, timeoutMs = defaultTimeoutMs): Promise<boolean> {
  const { hostname: host, port } = new URL(url);
  // The driver would wait and retry; an unreachable port is known at once.
  if (!(await probeTcp({ host, port: Number(port) }, timeoutMs))) return false;
  const sql = postgres(url, { max: 1, connect_timeout: timeoutMs / 1000, onnotice: () => {} });
  try {
    await sql`SELECT 1`;
    return true;
  } catch {
    return false;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

interface HealthReply {
  readonly status?: string;
}

/** True when the gRPC server at HOST:PORT reports that its service '' is SERVING. */
export async function probeHealth(address: string, timeoutMs = defaultTimeoutMs): Promise<boolean> {
  return (await askHealth(address, timeoutMs)) === 'SERVING';
}

/** True when the gRPC server at HOST:PORT answers, whether or not it serves: a standby does not. */
export async function probeAnswers(
  address: string,
  timeoutMs = defaultTimeoutMs,
): Promise<boolean> {
  return (await askHealth(address, timeoutMs)) !== undefined;
}

/** True when the server at HOST:PORT accepts connections, as a frozen one does too. */
export async function probeListens(
  address: string,
  timeoutMs = defaultTimeoutMs,
): Promise<boolean> {
  const [host = '', port] = address.split(':');
  return probeTcp({ host, port: Number(port) }, timeoutMs);
}

/**
 * Asks one gRPC server again and again whether it answers, through one connection: a connection for
 * each question, twice a second to each of six servers, took 6 % of a core.
 */
export class RepeatedProbe {
  readonly #address: string;
  readonly #timeoutMs: number;
  #client: Client | undefined;

  /** @param address HOST:PORT */
  constructor(address: string, timeoutMs = defaultTimeoutMs) {
    this.#address = address;
    this.#timeoutMs = timeoutMs;
  }

  /** True when the server answers in time, whether or not it serves. */
  async answers(): Promise<boolean> {
    this.#client ??= clientOf(this.#address);
    const answered = (await checkHealth(this.#client, this.#timeoutMs)) !== undefined;
    // The next question must not wait until a broken connection is tried again.
    if (!answered) this.close();
    return answered;
  }

  close(): void {
    this.#client?.close();
    this.#client = undefined;
  }
}

/** The status of the server's service ''; undefined if it does not answer in time. */
async function askHealth(address: string, timeoutMs: number): Promise<string | undefined> {
  if (!(await probeListens(address, timeoutMs))) return undefined;
  const client = clientOf(address);
  try {
    return await checkHealth(client, timeoutMs);
  } finally {
    client.close();
  }
}

/** A pool of its own: a shared one would make a new probe wait for the backoff of an old one. */
function clientOf(address: string): Client {
  return new Client(address, channelTo(address, 'server'), {
    'grpc.use_local_subchannel_pool': 1,
  });
}

function checkHealth(client: Client, timeoutMs: number): Promise<string | undefined> {
  const check = healthService['Check'];
  if (check === undefined) throw new Error('grpc-health-check does not define Check');
  return new Promise<string | undefined>((resolve) => {
    client.makeUnaryRequest(
      check.path,
      check.requestSerialize,
      check.responseDeserialize,
      { service: '' },
      { deadline: Date.now() + timeoutMs },
      (error, reply?: HealthReply) => resolve(error === null ? reply?.status : undefined),
    );
  });
}
