// A ledger server process: reads its configuration, serves until SIGTERM or SIGINT.
import { must } from '../../ledger/core/assert.ts';
import { LedgerServer } from '../../ledger/service/ledger-server.ts';
import { ledgerConfig } from './config.ts';
import { serverLinks } from './server-links.ts';
import { makeLogger } from './make-logger.ts';
import { runProcess } from './run-process.ts';

await runProcess(async (onStop) => {
  const config = ledgerConfig(process.env);
  const books = config.MERIDIAN_BOOKS;
  const book = must(
    books.find(({ number }) => number === config.MERIDIAN_BOOK),
    `MERIDIAN_BOOK ${config.MERIDIAN_BOOK} is one of MERIDIAN_BOOKS`,
  );
  const log = makeLogger(config.logLevel, {
    process: 'ledger',
    region: config.MERIDIAN_REGION,
    book: book.name,
  });
  const server = new LedgerServer(
    {
      book,
      books,
      listen: config.MERIDIAN_LISTEN,
      security: serverLinks(config, 'ledger', log),
      address: config.MERIDIAN_ADVERTISE ?? config.MERIDIAN_LISTEN,
      serverRegion: config.MERIDIAN_REGION,
      replicated: config.MERIDIAN_REPLICATED,
      databaseUrl: config.MERIDIAN_DATABASE_URL,
      redisUrl: config.MERIDIAN_REDIS_URL,
      ledgers: config.MERIDIAN_LEDGERS,
      tuning: config.tuning,
    },
    log,
  );
  onStop(() => server.stop());
  log.info('started', { listen: config.MERIDIAN_LISTEN });
  await server.run();
  log.info('stopped');
});
