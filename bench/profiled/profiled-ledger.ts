// A ledger server process that writes a processor profile when it ends.
import { countGcTime } from './gc-time.ts';
import { profileThisProcess } from './processor-profile.ts';

countGcTime();
profileThisProcess('ledger');
await import('../../regions/server/ledger.ts');
