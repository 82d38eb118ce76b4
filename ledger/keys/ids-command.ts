import { Command } from 'ioredis';
import type { PlainItems } from '../core/plain/scan-plain.ts';

/** Ids as Redis reads them: arguments of a command in its protocol, one after the other. */
export interface WireIds {
  readonly count: number;
  readonly bytes: Buffer;
}

const KEY_BYTES = 36;
const LENGTH = Buffer.from(`$${KEY_BYTES}\r\n`);
const ID_BYTES = LENGTH.length + KEY_BYTES + 2;
const [CR, LF] = [13, 10];

/** The keys of plain transfers, which are their ids, copied from the request as they stand there. */
export function wireIds({ bytes, columns, keys }: PlainItems): WireIds {
  const { count } = columns;
  const wire = Buffer.allocUnsafe(count * ID_BYTES);
  let end = 0;
  for (let index = 0; index < count; index += 1) {
    for (let at = 0; at < LENGTH.length; at += 1) wire[end + at] = LENGTH[at] ?? 0;
    end += LENGTH.length;
    const key = keys[index] ?? 0;
    for (let at = 0; at < KEY_BYTES; at += 1) wire[end + at] = bytes[key + at] ?? 0;
    end += KEY_BYTES;
    wire[end] = CR;
    wire[end + 1] = LF;
    end += 2;
  }
  return { count, bytes: wire };
}

export function joined(ids: readonly WireIds[]): WireIds {
  return {
    count: ids.reduce((sum, { count }) => sum + count, 0),
    bytes: Buffer.concat(ids.map(({ bytes }) => bytes)),
  };
}

/** A command for ids in a set: no id becomes a text, or an argument of its own. */
export class IdsCommand extends Command {
  readonly #bytes: Buffer;

  constructor(name: 'smismember' | 'sadd', set: string, { count, bytes }: WireIds) {
    super(name, [set]);
    const start = [name, set].map((text) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`).join('');
    this.#bytes = Buffer.concat([Buffer.from(`*${count + 2}\r\n${start}`), bytes]);
  }

  override toWritable(): Buffer {
    return this.#bytes;
  }
}
