import { enableCompileCache } from 'node:module';
import { compileCache } from './processes/environment.ts';

// Before anything else is loaded: compiling it takes half the time of a command.
enableCompileCache(compileCache);
const { main } = await import('./cli/program.ts');
await main(process.argv.slice(2));
