import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { z } from 'zod';

/**
 * How another process of the same user orders a supervisor: a JSON command for each request, over
 * HTTP on a Unix socket that only this user can open. The path of the request names what the
 * command is for, such as /faults. The answer is JSON, one value a line: reports of progress as
 * they come, then the result or an error.
 */

/**
 * Carries out a command.
 * @param command what the client has sent, not checked yet
 * @param report sends a report of progress to the client
 * @returns the result, a JSON value; the client receives null for undefined
 */
export type ControlHandler = (
  command: unknown,
  report: (progress: unknown) => void,
) => Promise<unknown>;

/** A command that is refused because of what it asks for, and not because it has failed. */
export class CommandRefused extends Error {
  override readonly name = 'CommandRefused';
}

const line = z.union([
  z.object({ progress: z.unknown() }),
  z.object({ error: z.string(), refused: z.boolean() }),
  z.object({ result: z.unknown() }),
]);

/** Maximum length of the name of a Unix socket, with room for its end. */
const NAME_BYTES = 100;

/** The path of the control socket of an installation: in its `run` folder, if that is not too deep. */
export function controlSocket(runFolder: string): string {
  const path = join(runFolder, 'control.sock');
  if (Buffer.byteLength(path) <= NAME_BYTES) return path;
  const name = createHash('sha256').update(runFolder).digest('hex').slice(0, 16);
  return join(tmpdir(), `meridian-${name}.sock`);
}

/**
 * Listens on the socket until it is closed. A socket that a killed predecessor left is replaced.
 * @param handlers by path, such as /faults
 */
export async function serveControl(
  path: string,
  handlers: Readonly<Record<string, ControlHandler>>,
): Promise<Server> {
  rmSync(path, { force: true });
  const server = createServer((call, reply) => {
    const write = (value: unknown) => reply.write(`${JSON.stringify(value)}\n`);
    const respond = async () => {
      write(await answer(handlers[call.url ?? ''], call, (progress) => write({ progress })));
      reply.end();
    };
    void respond();
  });
  // A command may take minutes: nothing but its end closes the connection.
  server.requestTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return server;
}

async function answer(
  handler: ControlHandler | undefined,
  call: IncomingMessage,
  report: (progress: unknown) => void,
): Promise<z.infer<typeof line>> {
  try {
    if (handler === undefined) throw new Error(`this supervisor has no commands at ${call.url}`);
    // JSON has no undefined.
    return { result: (await handler(JSON.parse(await text(call)), report)) ?? null };
  } catch (error) {
    const refused = error instanceof CommandRefused;
    return { error: error instanceof Error ? error.message : String(error), refused };
  }
}

/**
 * Sends a command to the supervisor that listens on the socket and returns its result.
 * @throws CommandRefused, or an Error with the message of the supervisor, or that of the socket
 */
export async function sendControl(
  socketPath: string,
  path: string,
  command: unknown,
  onProgress: (progress: unknown) => void = () => {},
): Promise<unknown> {
  const reply = await new Promise<IncomingMessage>((resolve, reject) => {
    const call = request({ socketPath, method: 'POST', path }, resolve);
    call.once('error', reject);
    call.end(JSON.stringify(command));
  });
  for await (const each of createInterface({ input: reply })) {
    const read = line.parse(JSON.parse(each));
    if ('progress' in read) onProgress(read.progress);
    else if ('error' in read) throw readError(read);
    else return read.result;
  }
  throw new Error('the supervisor ended before it had carried out the command');
}

function readError({ error, refused }: { error: string; refused: boolean }): Error {
  return refused ? new CommandRefused(error) : new Error(error);
}
