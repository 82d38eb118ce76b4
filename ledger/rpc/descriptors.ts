import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createFileRegistry, type FileRegistry, fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

/** Every file of proto/ and what it imports, as `npm run generate` leaves it. */
const FILE = path.join(import.meta.dirname, '..', '..', 'proto', 'gen', 'descriptors.binpb');

const set = fromBinary(FileDescriptorSetSchema, readFileSync(FILE));

/** Each file as its encoded descriptor. */
export const descriptorFiles: readonly Buffer[] = set.file.map((file) =>
  Buffer.from(toBinary(FileDescriptorProtoSchema, file)),
);

/** Every service and message by its full name, linked. */
export const descriptors: FileRegistry = createFileRegistry(set);
