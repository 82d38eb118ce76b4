import type { Fault } from '../../judge/history/operation.ts';

/** How a call ended, as its caller heard it. */
export type CallResult<Reply> =
  | { readonly type: 'ok'; readonly reply: Reply }
  /** `fail`: it was definitely not applied. `info`: nobody knows. */
  | { readonly type: 'fail' | 'info'; readonly fault: Fault };
