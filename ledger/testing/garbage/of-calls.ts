import { Client, Metadata } from '@grpc/grpc-js';
import { ListBooksResponse } from '../../../proto/gen/meridian/v1/book.ts';
import { LedgerServiceService } from '../../../proto/gen/meridian/v1/ledger.ts';
import { RpcServer } from '../../rpc/server.ts';
import { insecureLinks } from '../../rpc/tls/credentials.ts';
import { unary } from '../../rpc/unary.ts';
import { bytesOutliving } from './bytes-outliving.ts';

/** Prints the bytes that outlive a call, of the server and of the client together. */

const MIB = 1024 * 1024;
const nothing = () => undefined;
const quiet = { debug: nothing, info: nothing, warn: nothing, error: nothing };
const asItIs = (bytes: Buffer) => bytes;

const server = new RpcServer({
  security: insecureLinks,
  access: undefined,
  listen: '127.0.0.1:0',
  service: LedgerServiceService,
  serviceName: 'meridian.v1.LedgerService',
  limits: { messageBytes: MIB, connectionBytes: 16 * MIB, totalBytes: 16 * MIB },
  implementation: { listBooks: unary(quiet, () => Promise.resolve(ListBooksResponse.create())) },
});
const port = await server.start();
const client = new Client(`127.0.0.1:${port}`, insecureLinks.channelTo('router'));
const { path } = LedgerServiceService.listBooks;
const call = () =>
  new Promise<void>((resolve, reject) => {
    const options = { deadline: Date.now() + 60_000 };
    const done = (error: Error | null) => (error === null ? resolve() : reject(error));
    client.makeUnaryRequest(path, asItIs, asItIs, Buffer.alloc(0), new Metadata(), options, done);
  });
process.stdout.write(`${await bytesOutliving(call, 1_000)}\n`);
client.close();
await server.stop();
