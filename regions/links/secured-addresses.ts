/**
 * Which servers have TLS, and the folder of their installation's authority. Whatever starts an
 * installation or reads the state of one notes it here, so that all else needs their addresses alone.
 */
const folders = new Map<string, string | undefined>();

/** From now on the servers at these addresses, HOST:PORT, are those of the authority in a folder. */
export function noteSecured(addresses: Iterable<string>, folder: string): void {
  for (const address of addresses) folders.set(address, folder);
}

/** The same for servers without TLS. */
export function noteInsecure(addresses: Iterable<string>): void {
  for (const address of addresses) folders.set(address, undefined);
}

/** True if it was noted whether the server has TLS. */
export const isNoted = (address: string): boolean => folders.has(address);

/** The folder of the authority of a server; undefined: it has no TLS as far as is known. */
export const folderOfServer = (address: string): string | undefined => folders.get(address);
