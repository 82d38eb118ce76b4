import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { catalogueText } from './catalogue.ts';

writeFileSync(path.join(import.meta.dirname, 'catalogue.md'), catalogueText());
