import { connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { linksTo, routerLinks } from '../../links/known-links.ts';

/** A gRPC message as it goes over the wire: a flag, the length, the bytes. */
export function frame(message: Uint8Array, length = message.length, compressed = 0): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(compressed, 0);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, message]);
}

/** Sends bytes as the body of a gRPC call. Returns grpc-status, or how the stream ended. */
export function rawCall(
  address: string,
  method: string,
  body: Uint8Array,
  encoding = 'identity',
): Promise<string> {
  return new Promise((resolve) => {
    const isOfBooks = method.startsWith('/meridian.internal.');
    const links = isOfBooks ? routerLinks(address, 'eu-west') : linksTo(address);
    const tls = links.connectionTo('server');
    const session = connectHttp2(`${tls === undefined ? 'http' : 'https'}://${address}`, tls);
    const finish = (how: string) => {
      resolve(how);
      session.destroy();
    };
    session.on('error', (error) => finish(`session: ${error.message}`));
    const stream = session.request({
      ':method': 'POST',
      ':path': method,
      'content-type': 'application/grpc',
      'grpc-encoding': encoding,
      te: 'trailers',
      'grpc-timeout': '5S',
    });
    const receive = (headers: IncomingHttpHeaders) => {
      const code = headers['grpc-status'];
      if (typeof code === 'string') finish(`grpc-status ${code}`);
    };
    stream.on('response', receive);
    stream.on('trailers', receive);
    stream.on('error', (error) => finish(`stream: ${error.message}`));
    stream.on('close', () => finish('closed'));
    stream.on('data', () => undefined);
    stream.end(body);
  });
}

/** Sends bytes to a port as they are, and resolves when the other side hangs up or stays silent. */
export function rawBytes(address: string, bytes: Uint8Array): Promise<void> {
  const [host = '', port = ''] = address.split(':');
  return new Promise((resolve) => {
    const place = { host, port: Number(port) };
    const tls = linksTo(address).connectionTo('server');
    const socket = tls === undefined ? connectTcp(place) : connectTls({ ...place, ...tls });
    socket.on('error', () => resolve());
    socket.on('close', () => resolve());
    socket.on('data', () => undefined);
    socket.setTimeout(500, () => socket.destroy());
    socket.write(bytes);
  });
}
