import { registerHooks } from 'node:module';

const STAND_INS: Readonly<Record<string, string>> = {
  postgres: new URL('./postgres.ts', import.meta.url).href,
  ioredis: new URL('./ioredis.ts', import.meta.url).href,
};

/** From now on whoever imports a driver gets its stand-in. To be called before the ledger is loaded. */
export function standIn(): void {
  registerHooks({
    resolve: (specifier, context, next) => {
      const url = STAND_INS[specifier];
      return url === undefined ? next(specifier, context) : { url, shortCircuit: true };
    },
  });
}
