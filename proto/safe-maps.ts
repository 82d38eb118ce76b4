import { globSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/**
 * Part of `npm run generate`. The generated code puts the pairs of a map into a plain
 * object, where a pair named `__proto__` sets the prototype and is lost. An object without a
 * prototype keeps it like any other.
 */
for (const file of globSync(path.join(import.meta.dirname, 'gen', 'meridian', '**', '*.ts'))) {
  const text = readFileSync(file, 'utf8');
  const decoders = text
    .replaceAll('metadata: {}', 'metadata: Object.create(null)')
    .replaceAll('obj.metadata = {};', 'obj.metadata = Object.create(null);');
  // fromPartial is the same, by what it gathers the pairs into.
  const partial = /(message\.metadata = [\s\S]*?return acc;\s*\},\s*)\{\}/gu;
  writeFileSync(file, decoders.replaceAll(partial, '$1Object.create(null)'));
}
