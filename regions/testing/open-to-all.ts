import type { Access } from '../../ledger/rpc/access/access.ts';

/** For a router of a test that is not about who may do what. */
export const openToAll: Access = { admits: () => true, onChange: () => () => undefined };
