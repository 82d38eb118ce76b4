import { registerHooks } from 'node:module';

const STAND_INS: Readonly<Record<string, string>> = {
  ioredis: new URL('./ioredis.ts', import.meta.url).href,
};

/** Replaces the drivers by their stand-ins in later imports. Call it before the ledger is loaded. */
export function standIn(): void {
  registerHooks({
    resolve: (specifier, context, next) => {
      const url = STAND_INS[specifier];
      return url === undefined ? next(specifier, context) : { url, shortCircuit: true };
    },
  });
}
