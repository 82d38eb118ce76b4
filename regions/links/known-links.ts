import { statSync } from 'node:fs';
import type { ChannelCredentials } from '@grpc/grpc-js';
import {
  type ExpectedRole,
  insecureLinks,
  type LinkSecurity,
  tlsLinks,
} from '../../ledger/rpc/tls/credentials.ts';
import type { PathIdentity, ServerRole } from '../../ledger/rpc/tls/identity.ts';
import { TlsFiles, type TlsPaths } from '../../ledger/rpc/tls/tls-files.ts';
import { certificateFile, pkiFolder } from './pki-files.ts';
import { folderOfServer, noteInsecure, noteSecured } from './secured-addresses.ts';

/** Who the commands of this user are to the servers of an installation on this machine. */
export const LOCAL_OPERATOR = { kind: 'operator', name: 'local' } as const;

/** By address: what a user has given for it. */
const given = new Map<string, LinkSecurity>();

/** By file: the credentials, and the state of the file that they were made of. */
const made = new Map<string, { readonly links: LinkSecurity; readonly changedAt: number }>();

/**
 * Links of an identity that the authority in a folder has issued a certificate to.
 * Throws an Error naming the file if there is no valid one.
 */
export function linksAs(folder: string, identity: PathIdentity): LinkSecurity {
  const files = pkiFolder(folder);
  const certificate = certificateFile(files, identity);
  const changedAt = statSync(certificate).mtimeMs;
  const known = made.get(certificate);
  if (known?.changedAt === changedAt) return known.links;
  const { authorities } = files;
  const links = tlsLinks(new TlsFiles({ certificate, key: certificate, authorities }).watch());
  made.set(certificate, { links, changedAt });
  return links;
}

/**
 * How the server at this address is reached: as the local operator, if it is of an installation
 * that is known here. Others are taken to have no TLS; one that has it refuses the connection.
 */
export function linksTo(address: string | undefined): LinkSecurity {
  const folder = address === undefined ? undefined : folderOfServer(address);
  if (folder !== undefined) return linksAs(folder, LOCAL_OPERATOR);
  return given.get(address ?? '') ?? insecureLinks;
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
  };
  return { environment, links: linksAs(folder, identity) };
}
