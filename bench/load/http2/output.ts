import type { Socket } from 'node:net';

const PAGE_BYTES = 256 * 1_024;

/** Collects what one turn of the event loop sends, and hands it to the socket in one piece. */
export class Output {
  readonly #socket: Socket;
  readonly #free: Buffer[] = [];
  #page: Buffer = Buffer.allocUnsafe(PAGE_BYTES);
  #length = 0;
  #scheduled = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Room to be filled at once. @throws RangeError if it is more than a page */
  reserve(bytes: number): { readonly bytes: Buffer; readonly offset: number } {
    if (bytes > PAGE_BYTES) throw new RangeError(`${bytes} bytes are too much for a page`);
    if (this.#length + bytes > PAGE_BYTES) this.#flush();
    if (!this.#scheduled) {
      this.#scheduled = true;
      queueMicrotask(() => this.#flush());
    }
    const offset = this.#length;
    this.#length += bytes;
    return { bytes: this.#page, offset };
  }

  write(bytes: Buffer): void {
    const { bytes: page, offset } = this.reserve(bytes.length);
    bytes.copy(page, offset);
  }

  #flush(): void {
    this.#scheduled = false;
    if (this.#length === 0 || this.#socket.destroyed) return;
    const page = this.#page;
    this.#socket.write(page.subarray(0, this.#length), () => this.#free.push(page));
    this.#page = this.#free.pop() ?? Buffer.allocUnsafe(PAGE_BYTES);
    this.#length = 0;
  }
}
