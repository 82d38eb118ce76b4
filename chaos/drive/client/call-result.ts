import type { CallFailure } from '../../judge/history/operation.ts';

/** The result of a call, as seen by its caller. */
export type CallResult<Reply> =
  | { readonly type: 'ok'; readonly reply: Reply }
  /** `fail`: it was definitely not applied. `info`: unknown. */
  | { readonly type: 'fail' | 'info'; readonly fault: CallFailure };
