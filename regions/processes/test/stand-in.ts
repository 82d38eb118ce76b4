import { Server } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { insecureLinks, tlsLinks } from '../../../ledger/rpc/tls/credentials.ts';
import { TlsFiles } from '../../../ledger/rpc/tls/tls-files.ts';

/**
 * A substitute for a ledger server or a router in the tests of this library: it serves health
 * checking on MERIDIAN_LISTEN and ends on SIGTERM.
 */

const listen = process.env['MERIDIAN_LISTEN'];
if (listen === undefined) throw new Error('MERIDIAN_LISTEN is not set');
process.stdout.write(`${JSON.stringify({ msg: 'stand-in', env: process.env })}\n`);

const certificate = process.env['MERIDIAN_TLS_CERTIFICATE'];
const authorities = process.env['MERIDIAN_TLS_AUTHORITIES'];
const links =
  certificate === undefined || authorities === undefined
    ? insecureLinks
    : tlsLinks(new TlsFiles({ certificate, key: certificate, authorities }));

const server = new Server();
const health = new HealthImplementation({ '': 'NOT_SERVING' });
health.addToServer(server);
server.bindAsync(listen, links.server(), (error) => {
  if (error !== null) throw error;
  // Listening and ready are not the same: the probe must see the difference.
  setTimeout(() => health.setStatus('', 'SERVING'), 100);
});
process.on('SIGTERM', () => server.tryShutdown(() => process.exit(0)));
