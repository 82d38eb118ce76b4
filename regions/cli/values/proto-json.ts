import type { Timestamp } from '../../../proto/gen/google/protobuf/timestamp.ts';
import { instantText } from './instant.ts';

/**
 * A message in proto JSON form, except where that form would mislead: times have microseconds
 * (the generated code stops at milliseconds, and a time passed back to a command must be the same
 * time), and amounts of zero and false values are included.
 */
export function protoJson<T>(codec: { toJSON(message: T): unknown }, message: T): object {
  return Object(completed(codec.toJSON(message), message));
}

function completed(json: unknown, message: unknown): unknown {
  if (isTimestamp(message)) return instantText(message);
  if (Array.isArray(json) && Array.isArray(message)) {
    return json.map((item, index) => completed(item, message[index]));
  }
  if (!isRecord(json) || !isRecord(message)) return json;
  const fields = Object.entries(message).flatMap(([name, value]) => {
    if (Object.hasOwn(json, name)) return [[name, completed(json[name], value)] as const];
    // A pair named `__proto__`, which the generated code loses.
    if (typeof value === 'string' && value !== '' && name === '__proto__') {
      return [[name, value] as const];
    }
    if (typeof value === 'bigint') return [[name, String(value)] as const];
    return typeof value === 'boolean' ? [[name, value] as const] : [];
  });
  // A member of a oneof has its own name in JSON only.
  return { ...Object.fromEntries(fields), ...unnamed(json, message) };
}

function unnamed(json: JsonRecord, message: JsonRecord): JsonRecord {
  return Object.fromEntries(Object.entries(json).filter(([name]) => !Object.hasOwn(message, name)));
}

type JsonRecord = Readonly<Record<string, unknown>>;

function isRecord(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null;
}

function isTimestamp(value: unknown): value is Timestamp {
  return isRecord(value) && typeof value['seconds'] === 'bigint' && 'nanos' in value;
}
