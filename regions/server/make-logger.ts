import { pino } from 'pino';
import type { Logger } from '../../ledger/logger.ts';

/** JSON lines on standard output, one per event; `fields` are added to each. */
export function makeLogger(level: string, fields: Record<string, unknown>): Logger {
  const log = pino({ level, base: fields, timestamp: pino.stdTimeFunctions.isoTime });
  return {
    debug: (message, more = {}) => log.debug(more, message),
    info: (message, more = {}) => log.info(more, message),
    warn: (message, more = {}) => log.warn(more, message),
    error: (message, more = {}) => log.error(more, message),
  };
}
