import { dirname } from 'node:path';
import type { ChannelCredentials } from '@grpc/grpc-js';
import {
  type ExpectedRole,
  insecureLinks,
  type LinkSecurity,
  tlsLinks,
} from '../../ledger/rpc/tls/credentials.ts';
import type { PathIdentity, ServerRole } from '../../ledger/rpc/tls/identity.ts';
import { TlsFiles, type TlsPaths } from '../../ledger/rpc/tls/tls-files.ts';
import { certificateFile, pkiFolder, policyOf } from './pki-files.ts';
import { folderOfServer, isNoted, noteInsecure, noteSecured } from './secured-addresses.ts';

/** Who the commands of this user are to the servers of an installation on this machine. */
export const LOCAL_OPERATOR = { kind: 'operator', name: 'local' } as const;

/** The service that the examples of the README act as. */
export const DEMO_SERVICE = { kind: 'service', tenant: 'demo', service: 'example' } as const;

/** By address: what a user has given for it. */
const given = new Map<string, LinkSecurity>();

/** By file, which is watched. */
const made = new Map<string, LinkSecurity>();

/**
 * Links of an identity that the authority in a folder has issued a certificate to.
 * Throws an Error naming the file if there is no valid one.
 */
export function linksAs(folder: string, identity: PathIdentity): LinkSecurity {
  const files = pkiFolder(folder);
  const certificate = certificateFile(files, identity);
  const known = made.get(certificate);
  if (known !== undefined) return known;
  const { authorities } = files;
  const links = tlsLinks(new TlsFiles({ certificate, key: certificate, authorities }).watch());
  made.set(certificate, links);
  return links;
}

/**
 * How the server at this address is reached: as the local operator, if it is of an installation
 * that is known here, or with the files that were given. Throws an Error for any other: whether it may
 * be reached without TLS is not for this process to decide.
 */
export function linksTo(address: string): LinkSecurity {
  const folder = folderOfServer(address);
  if (folder !== undefined) return linksAs(folder, LOCAL_OPERATOR);
  const links = given.get(address) ?? (isNoted(address) ? insecureLinks : undefined);
  if (links === undefined)
    throw new Error(`it is not known how the server at ${address} is reached`);
  return links;
}

/** The credentials of a channel to a server of this role. */
export function channelTo(address: string, role: ExpectedRole): ChannelCredentials {
  return linksTo(address).channelTo(role);
}

/**
 * From now on a server is reached with these files, unless it is of an installation that is known
 * here. Throws an Error naming a file that cannot be read, or what is wrong with them.
 */
export function useFiles(address: string, paths: TlsPaths): void {
  if (folderOfServer(address) === undefined)
    given.set(address, tlsLinks(new TlsFiles(paths).watch()));
}

/** The credentials of a channel to a router. */
export const routerChannel = (address: string): ChannelCredentials => channelTo(address, 'router');

/** The links of the router of a region to the server at this address. */
export function routerLinks(address: string, region: string): LinkSecurity {
  const folder = folderOfServer(address);
  return folder === undefined ? insecureLinks : linksAs(folder, { kind: 'router', region });
}

/** A server that joins the installation of another one: how it is started, and reached. */
export interface JoinedServer {
  /** Of its process. */
  readonly environment: Record<string, string>;
  /** Of one in this process. */
  readonly links: LinkSecurity;
}

/**
 * Secures a server like another one of its installation, whose authority must have issued the
 * certificate of the role and region, and notes how it is reached.
 *
 * @param peer address of the other one
 * @param listen its own address
 */
export function joinServer(
  peer: string | undefined,
  listen: string,
  identity: { readonly kind: ServerRole; readonly region: string },
): JoinedServer {
  const folder = peer === undefined ? undefined : folderOfServer(peer);
  if (folder === undefined) {
    noteInsecure([listen]);
    return { environment: { MERIDIAN_INSECURE: 'true' }, links: insecureLinks };
  }
  noteSecured([listen], folder);
  const files = pkiFolder(folder);
  const environment = {
    MERIDIAN_TLS_CERTIFICATE: certificateFile(files, identity),
    MERIDIAN_TLS_AUTHORITIES: files.authorities,
    ...(identity.kind === 'router' ? { MERIDIAN_POLICY: policyOf(dirname(folder)) } : {}),
  };
  return { environment, links: linksAs(folder, identity) };
}
