// A router process: reads its configuration, serves until SIGTERM or SIGINT.
import { once } from 'node:events';
import { RouterServer } from '../../router/router-server.ts';
import { routerConfig } from './config.ts';
import { DrainWatch } from '../etcd/drained.ts';
import { Etcd } from '../etcd/etcd.ts';
import { routerAccess } from './router-access.ts';
import { serverLinks } from './server-links.ts';
import { makeLogger } from './make-logger.ts';
import { runProcess } from './run-process.ts';

await runProcess(async (onStop) => {
  const config = routerConfig(process.env);
  const log = makeLogger(config.logLevel, {
    process: 'router',
    region: config.MERIDIAN_REGION,
  });
  const server = new RouterServer(
    {
      listen: config.MERIDIAN_LISTEN,
      security: serverLinks(config, 'router', log),
      access: routerAccess(config, log),
      region: config.MERIDIAN_REGION,
      books: config.MERIDIAN_BOOKS,
      ledgers: config.MERIDIAN_LEDGERS,
      tuning: config.tuning,
    },
    log,
  );
  const stopping = new AbortController();
  onStop(() => stopping.abort());
  const drain =
    config.MERIDIAN_ETCD &&
    new DrainWatch(
      new Etcd(config.MERIDIAN_ETCD),
      config.MERIDIAN_REGION,
      (drained) => server.setDraining(drained),
      log,
    );
  // Known before the router reports its health to load balancers.
  await drain?.start();
  await server.start();
  log.info('started', { listen: config.MERIDIAN_LISTEN });
  if (!stopping.signal.aborted) await once(stopping.signal, 'abort');
  drain?.stop();
  await server.stop();
  log.info('stopped');
});
