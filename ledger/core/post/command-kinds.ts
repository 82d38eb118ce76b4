import type { CommandName } from './command.ts';
import type { CommandKind } from './command-kind.ts';
import { asset, change, open } from './post-account.ts';
import { expire } from './post-expiry.ts';
import { diverge, recover, rehash } from './post-recovery.ts';
import { close, settle } from './post-settlement.ts';
import { transfer } from './post-transfer.ts';

/** Every kind of command, each defined where it is posted. */
export const commandKinds: { readonly [K in CommandName]: CommandKind<K> } = {
  transfer,
  open,
  change,
  asset,
  settle,
  close,
  diverge,
  rehash,
  recover,
  expire,
};
