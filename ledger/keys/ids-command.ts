import { Command } from 'ioredis';

// A member of a set is an id in its 16 bytes: as text it would cost Redis a third more.
const ID_BYTES = 16;
const START = Buffer.from(`$${ID_BYTES}\r\n`);
const END = Buffer.from('\r\n');
const NOTHING = Buffer.alloc(0);
const MEMBER = Buffer.concat([START, Buffer.alloc(ID_BYTES), END]);

/** A command for ids in a set: no id becomes a text, or an argument of its own. */
export class IdsCommand extends Command {
  #bytes: Buffer;

  /** @param ids four words of 32 bits for each, the highest first */
  constructor(name: 'smismember' | 'sadd', set: string, ids: readonly Int32Array[]) {
    super(name, [set]);
    const words = ids.reduce((sum, { length }) => sum + length, 0);
    const start = [name, set].map((text) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`).join('');
    const head = `*${words / 4 + 2}\r\n${start}`;
    const bytes = Buffer.allocUnsafe(Buffer.byteLength(head) + (words / 4) * MEMBER.length);
    let end = bytes.write(head, 'latin1');
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (const each of ids) {
      for (let word = 0; word < each.length; word += 4) {
        for (let at = 0; at < START.length; at += 1) bytes[end + at] = START[at] ?? 0;
        end += START.length;
        view.setInt32(end, each[word] ?? 0);
        view.setInt32(end + 4, each[word + 1] ?? 0);
        view.setInt32(end + 8, each[word + 2] ?? 0);
        view.setInt32(end + 12, each[word + 3] ?? 0);
        end += ID_BYTES;
        for (let at = 0; at < END.length; at += 1) bytes[end + at] = END[at] ?? 0;
        end += END.length;
      }
    }
    this.#bytes = bytes;
    // ioredis assigns a closure over the command to it, so that V8 keeps it until a full collection.
    const release = () => {
      this.#bytes = NOTHING;
    };
    this.promise.then(release, release);
  }

  override toWritable(): Buffer {
    return this.#bytes;
  }
}

/** An id as Redis has it. @param id a UUID in its canonical form */
export function memberOf(id: string): Buffer {
  return Buffer.from(id.replaceAll('-', ''), 'hex');
}
