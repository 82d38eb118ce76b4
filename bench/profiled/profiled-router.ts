// A router process that writes a processor profile when it ends.
import { countGcTime } from './gc-time.ts';
import { profileThisProcess } from './processor-profile.ts';

countGcTime();
profileThisProcess('router');
await import('../../regions/server/router.ts');
