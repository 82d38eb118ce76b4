import type { Transfer } from '../../proto/gen/meridian/v1/transfer.ts';

/** Bytes of the metadata of something, in a message. */
export function metadataBytes(metadata: Readonly<Record<string, string>>): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(metadata)) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value);
  }
  return bytes;
}

/** Bytes of the metadata of a transfer and of its legs. */
export function transferBytes({ metadata, legs }: Transfer): number {
  return legs.reduce((sum, leg) => sum + metadataBytes(leg.metadata), metadataBytes(metadata));
}
