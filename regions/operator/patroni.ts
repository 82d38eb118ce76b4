import { z } from 'zod';
import type { ReplicatedState } from '../topology/state.ts';
import type { PatroniFacts } from './facts.ts';
import { QUESTION_MS } from './within.ts';

const memberAnswer = z.object({
  state: z.string(),
  role: z.string(),
  timeline: z.number().optional(),
  pause: z.boolean().default(false),
  patroni: z.object({ version: z.string() }),
});

/** How long Patroni may take for a switchover or failover; it answers after 20 s at the latest. */
const MOVE_MS = 30_000;

/** Patroni refused a request; the message contains its reason. */
export class PatroniRefusal extends Error {
  override readonly name = 'PatroniRefusal';
}

/** The REST API of one member's Patroni, 3.0 or 4. */
export class Patroni {
  readonly #base: string;
  readonly #headers: Record<string, string>;

  /** @param base URL of the API */
  constructor(base: string, { username, password }: ReplicatedState['patroniAuth']) {
    this.#base = base;
    const login = Buffer.from(`${username}:${password}`).toString('base64');
    this.#headers = { authorization: `Basic ${login}`, 'content-type': 'application/json' };
  }

  /** Throws when it does not answer in time. */
  async facts(): Promise<PatroniFacts> {
    const text = await this.#ask('GET', '/patroni', undefined, QUESTION_MS * 2);
    const { state, role, timeline, pause, patroni } = memberAnswer.parse(JSON.parse(text));
    // Patroni 3 calls it master, Patroni 4 primary.
    const primary = role === 'master' || role === 'primary';
    return { state, primary, timeline, paused: pause, version: patroni.version };
  }

  /** Gives the book to `candidate`. Throws PatroniRefusal when that fails. */
  async switchover(leader: string, candidate: string): Promise<void> {
    await this.#ask('POST', '/switchover', { leader, candidate }, MOVE_MS);
  }

  /** Makes `candidate` the leader of a book without one. Throws PatroniRefusal. */
  async failover(candidate: string): Promise<void> {
    await this.#ask('POST', '/failover', { candidate }, MOVE_MS);
  }

  /** Makes it discard its copy and take a new one from the leader. Throws PatroniRefusal. */
  async reinitialize(): Promise<void> {
    await this.#ask('POST', '/reinitialize', { force: true }, MOVE_MS);
  }

  /** Makes it read its own configuration again. */
  async reload(): Promise<void> {
    await this.#ask('POST', '/reload', undefined, QUESTION_MS);
  }

  async #ask(method: string, path: string, body: unknown, ms: number): Promise<string> {
    const response = await fetch(this.#base + path, {
      method,
      headers: this.#headers,
      signal: AbortSignal.timeout(ms),
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await response.text();
    // An unhealthy member answers 503 to a question about itself, together with the answer.
    if (response.ok || (method === 'GET' && text.startsWith('{'))) return text;
    throw new PatroniRefusal(`Patroni: ${text.trim() || response.statusText}`);
  }
}
