// A ledger server process that writes a processor profile when it ends.
import { profileThisProcess } from './processor-profile.ts';

profileThisProcess('ledger');
await import('../../regions/server/ledger.ts');
