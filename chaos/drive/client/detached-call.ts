import { type InterceptingCall, Metadata, type StatusObject, status } from '@grpc/grpc-js';

type NextCall = ConstructorParameters<typeof InterceptingCall>[0];
type CallListener = Parameters<NextCall['start']>[1];

/**
 * A unary call as its caller sees it, independent of the request: its holder decides when it is
 * answered or fails, at its deadline at the latest.
 */
export class DetachedCall implements NextCall {
  readonly #onRequest: (request: unknown) => void;
  readonly #deadline: number;
  #listener: CallListener;
  #timer: NodeJS.Timeout | undefined;
  #over = false;

  /**
   * @param deadline milliseconds since 1970; Infinity: none
   * @param onRequest called with what the caller asks
   */
  constructor(deadline: number, onRequest: (request: unknown) => void) {
    this.#deadline = deadline;
    this.#onRequest = onRequest;
  }

  start(_: Metadata, listener?: CallListener): void {
    this.#listener = listener;
    if (this.#deadline === Infinity) return;
    const leftMs = Math.max(0, this.#deadline - Date.now());
    this.#timer = setTimeout(() => this.timeOut(), leftMs);
  }

  sendMessageWithContext(_: unknown, message: unknown): void {
    this.#onRequest(message);
  }

  sendMessage(message: unknown): void {
    this.#onRequest(message);
  }

  answer(response: unknown): void {
    this.#end({ code: status.OK, details: '', metadata: new Metadata() }, response);
  }

  timeOut(): void {
    const details = 'Deadline exceeded, as though the request or its answer was lost';
    this.fail({ code: status.DEADLINE_EXCEEDED, details, metadata: new Metadata() });
  }

  fail(why: StatusObject): void {
    this.#end(why, null);
  }

  cancelWithStatus(code: status, details: string): void {
    this.fail({ code, details, metadata: new Metadata() });
  }

  startRead(): void {
    // The answer is pushed.
  }

  halfClose(): void {
    // A unary request is one message.
  }

  getPeer(): string {
    return 'detached';
  }

  getAuthContext(): null {
    return null;
  }

  #end(how: StatusObject, response: unknown): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    // Callers expect no answer before their call has begun.
    setImmediate(() => {
      this.#listener?.onReceiveMessage?.(response);
      this.#listener?.onReceiveStatus?.(how);
    });
  }
}

/** The error of a lost connection: it does not show whether the request was applied. */
export function connectionLost(): StatusObject {
  return { code: status.UNAVAILABLE, details: 'Connection dropped', metadata: new Metadata() };
}
