import type { ReadBack } from '../read-back.ts';
import type { Acknowledgement, RecordedCall } from '../../load/call-log.ts';

/** Calls and journals to judge, good ones unless a test spoils them. */

export function acknowledgement(change: Partial<Acknowledgement> = {}): Acknowledgement {
  return {
    status: 'POSTED',
    reason: '',
    transferId: 'id-1',
    book: 1,
    epoch: 1,
    seq: 10,
    replayed: false,
    ...change,
  };
}

export function call(change: Partial<RecordedCall> = {}): RecordedCall {
  const made: RecordedCall = {
    key: 'key-1',
    kind: 'transfer',
    via: 'eu-west',
    home: 'eu-west',
    to: 'eu-west',
    book: 1,
    toBook: 1,
    debitAccount: '1',
    creditAccount: '2',
    amountMinor: '500',
    holdId: '',
    sentAtMs: 1_000,
    endedAtMs: 1_020,
    acknowledged: acknowledgement(),
    ...change,
  };
  if (change.trouble === undefined) return made;
  const { acknowledged: _none, ...failed } = made;
  return failed;
}

type Decided = ReadBack['decided'][number];

export function row(change: Partial<Decided> = {}): Decided {
  return {
    book: 1,
    seq: 10,
    epoch: 1,
    id: 'id-1',
    key: 'key-1',
    kind: 'transfer',
    reason: '',
    debitAccount: '1',
    payee: '2',
    amountMinor: '500',
    peerBook: null,
    ...change,
  };
}

export function readBackOf(
  decided: readonly Decided[],
  arrived: ReadBack['arrived'] = [],
): ReadBack {
  return { book: 1, decided, arrived, takeOvers: [] };
}
