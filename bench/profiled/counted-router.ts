// A router process that counts the time of its garbage collection.
import { countGcTime } from './gc-time.ts';

countGcTime();
await import('../../regions/server/router.ts');
