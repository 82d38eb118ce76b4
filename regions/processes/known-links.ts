import type { ChannelCredentials } from '@grpc/grpc-js';
import {
  type ExpectedRole,
  insecureLinks,
  type LinkSecurity,
} from '../../ledger/rpc/tls/credentials.ts';

/**
 * How this process reaches servers, by their addresses: whatever reads the state of an installation
 * learns here how its servers are secured. An address of which nothing is known is taken for one
 * without TLS; a server that has TLS refuses that before anything is sent.
 */
const known = new Map<string, LinkSecurity>();

/** From now on the servers at these addresses, HOST:PORT, are reached so. */
export function knowLinks(addresses: Iterable<string>, links: LinkSecurity): void {
  for (const address of addresses) known.set(address, links);
}

/** The credentials of a channel to a server of this role. */
export function channelTo(address: string, role: ExpectedRole): ChannelCredentials {
  return linksTo(address).channelTo(role);
}

/** The credentials of a channel to a router. */
export const routerChannel = (address: string): ChannelCredentials => channelTo(address, 'router');

/** How the server at this address is reached. */
export function linksTo(address: string | undefined): LinkSecurity {
  return (address === undefined ? undefined : known.get(address)) ?? insecureLinks;
}
