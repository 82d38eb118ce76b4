// Writes the settings into configuration.md. `npm run format` afterwards aligns the table.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withSettings } from './settings-table.ts';

const path = join(import.meta.dirname, 'configuration.md');
writeFileSync(path, withSettings(readFileSync(path, 'utf8')));
