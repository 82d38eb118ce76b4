// A router process that writes a processor profile when it ends.
import { profileThisProcess } from './processor-profile.ts';

profileThisProcess('router');
await import('../../regions/server/router.ts');
