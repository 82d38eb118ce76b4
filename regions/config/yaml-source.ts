import { isMap, isNode, isPair, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import type { Problem } from './problem.ts';

/** A YAML text with the line of everything in it. */

/** Keys and places of lists that lead to a value. */
export type YamlPath = readonly (string | number)[];

export interface YamlSource {
  /** Plain values; undefined where the text is no YAML. */
  readonly value: unknown;
  /** What makes it no YAML. */
  readonly problems: readonly Problem[];
  /** Line of a key, of the entry of a list, or of what contains it where it is missing. */
  readonly lineOf: (path: YamlPath) => number;
}

/** A file of this size is no configuration. */
const SIZE_MAX = 1024 * 1024;

export function parseYaml(text: string): YamlSource {
  if (text.length > SIZE_MAX) {
    return { value: undefined, problems: [wrongAt('is too large', 1)], lineOf: () => 1 };
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: '1.2' });
  const lineOf = (path: YamlPath) => lines.linePos(offsetOf(document.contents, path)).line || 1;
  const problems = [...document.errors, ...document.warnings].map(({ message, pos: [start] }) =>
    wrongAt(message, lines.linePos(start).line || 1),
  );
  if (problems.length > 0) return { value: undefined, problems, lineOf };
  try {
    return { value: document.toJS(), problems, lineOf };
  } catch (error) {
    // An alias without its anchor, or far too many aliases.
    const message = error instanceof Error ? error.message : String(error);
    return { value: undefined, problems: [wrongAt(message, 1)], lineOf };
  }
}

const wrongAt = (message: string, line: number): Problem => ({ path: '', line, message });

/** Offset of the key or the entry at the path, as far as the document has it. */
function offsetOf(contents: Node | null, path: YamlPath): number {
  let node: unknown = contents;
  let offset = contents?.range?.[0] ?? 0;
  for (const step of path) {
    const found = isMap(node) ? node.items.find((item) => keyOf(item) === String(step)) : undefined;
    if (found !== undefined && isNode(found.key)) {
      offset = found.key.range?.[0] ?? offset;
      node = found.value;
      continue;
    }
    const entry = isNode(node) && 'get' in node ? entryOf(node, step) : undefined;
    if (!isNode(entry)) break;
    offset = entry.range?.[0] ?? offset;
    node = entry;
  }
  return offset;
}

function entryOf(node: Node, step: string | number): unknown {
  return 'items' in node && Array.isArray(node.items) && typeof step === 'number'
    ? node.items[step]
    : undefined;
}

function keyOf(item: unknown): string | undefined {
  return isPair(item) && isScalar(item.key) ? String(item.key.value) : undefined;
}
