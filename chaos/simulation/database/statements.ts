import { RowKind, TRANSFER_KINDS } from '../../../ledger/core/journal-row.ts';
import { DRAWN_ON } from '../../../ledger/core/original.ts';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import { TransferStatus } from '../../../proto/gen/meridian/v1/transfer.ts';
import { elementsOf } from './parse-array.ts';
import type { StoredRow } from './columns.ts';
import type { Tables } from './tables.ts';

/** Facts of a node in addition to its tables. */
export interface NodeFacts {
  readonly standby: boolean;
  /** UUID of the book. */
  readonly instance: string;
  readonly book: number;
}

type Answer = (tables: Tables, values: readonly unknown[], facts: NodeFacts) => object[];

/**
 * The reading statements of the ledger, each identified by a piece of text that no other has. One
 * that is not here fails loudly: it must be added to the simulation.
 */
const STATEMENTS: readonly (readonly [RegExp, Answer])[] = [
  // No copy here reports a position of another history.
  [/pg_switch_wal\(\)/u, () => []],
  [/pg_is_in_recovery\(\)/u, (_, __, { standby }) => [{ standby, level: 'on', names: 'ANY 1' }]],
  [/SELECT epoch, leader FROM head/u, ({ head }) => [{ epoch: head.epoch, leader: head.leader }]],
  [
    /instance, epoch, leader, seq, chain/u,
    ({ head }, _, { book, instance }) => [{ ...head, book, instance, fenced: false }],
  ],
  [
    /SELECT external_id, id FROM account WHERE transit/u,
    ({ accounts }) => [...accounts.values()].filter(({ transit }) => transit),
  ],
  [/SELECT peer_book, sent, settled, applied/u, ({ channels }) => [...channels.values()]],
  [/SELECT asset, scale FROM asset/u, () => []],
  [/JOIN balance ON account = wanted\.id/u, balances],
  [/AS drawn_kind, d\.drawn_left/u, originals],
  [/AS final_reason/u, transfers],
  [/j\.changed_by, j\.reference/u, changes],
  [/ON j\.seq = a\.opened_seq/u, openings],
  [/SELECT j\.id FROM unnest/u, existing],
  [/FROM outbound_leg/u, legs],
  [/j\.origin_id AS transfer_id/u, arrivedLegs],
  [/SELECT channel_number, reason FROM journal/u, refusals],
  [/WHERE expires_at IS NOT NULL/u, dueHolds],
  [/FROM journal ORDER BY seq/u, journal],
];

const DRAWABLE: ReadonlySet<number> = DRAWN_ON;
const TRANSFERS: ReadonlySet<number> = new Set(TRANSFER_KINDS);

const answers = new Map<string, Answer>();

/** @throws TypeError if the simulation does not know the statement */
export function answerTo(text: string): Answer {
  let answer = answers.get(text);
  if (answer === undefined) {
    answer = STATEMENTS.find(([pattern]) => pattern.test(text))?.[1];
    if (answer === undefined) throw new TypeError(`the simulation cannot answer: ${text}`);
    answers.set(text, answer);
  }
  return answer;
}

const ids = (value: unknown) => elementsOf(String(value)).map((id) => id ?? '');

function balances({ accounts, balances: newest }: Tables, [wanted]: readonly unknown[]): object[] {
  return ids(wanted).flatMap((id) => {
    const account = accounts.get(BigInt(id));
    const balance = newest.get(BigInt(id));
    if (account === undefined || balance === undefined) return [];
    const { asset, transit } = account;
    return [{ account: account.id, asset, transit, ...balance }];
  });
}

function originals(
  { byId, drawn, captured, channels }: Tables,
  [wanted]: readonly unknown[],
): object[] {
  return ids(wanted).flatMap((id) => {
    const row = byId.get(id);
    if (row === undefined || !DRAWABLE.has(row.kind)) return [];
    const newest = drawn.get(id);
    const capture = captured.get(id);
    const settled = channels.get(capture?.peer_book ?? 0)?.settled ?? 0n;
    const final = capture?.options?.includes('"final":true') ?? false;
    return [
      {
        ...row,
        expires_micros: row.expires_at,
        drawn_kind: newest?.kind ?? null,
        drawn_left: newest?.drawn_left ?? null,
        closing: final && (capture?.channel_number ?? 0n) > settled,
      },
    ];
  });
}

/** By the ids of rows, or by the groups that they belong to: the ledger names the column. */
function transfers(tables: Tables, values: readonly unknown[]): object[] {
  const column = values.find((value) => value === 'id' || value === 'group_id');
  const wanted = ids(values.find((value) => typeof value === 'string' && value.startsWith('{')));
  const found = wanted.flatMap((id) => {
    if (column === 'group_id') return tables.byGroup.get(id) ?? [];
    const row = tables.byId.get(id);
    return row === undefined ? [] : [row];
  });
  return found
    .filter(({ kind }) => TRANSFERS.has(kind))
    .toSorted((a, b) => Number(a.seq - b.seq))
    .map((row) => ({
      ...row,
      payer: row.debit_account,
      payee: row.peer_account ?? row.credit_account,
      expires_micros: row.expires_at,
      status: statusOf(tables, row),
      final_reason: (wentAway(row) ? tables.returns.get(row.id)?.reason : undefined) ?? row.reason,
      left_amount: tables.drawn.get(row.id)?.drawn_left ?? row.amount ?? 0n,
      // The simulation's clients compare none of it.
      captured_amount: 0n,
    }));
}

const wentAway = (row: StoredRow) => row.channel_number !== null && row.kind !== RowKind.settlement;

function statusOf({ drawn, returns, channels }: Tables, row: StoredRow): TransferStatus {
  if (row.reason !== Reason.UNSPECIFIED) return TransferStatus.REJECTED;
  if (row.kind === RowKind.release) return TransferStatus.RELEASED;
  if (row.kind === RowKind.hold) {
    const newest = drawn.get(row.id);
    if (newest === undefined || (newest.drawn_left ?? 0n) > 0n) return TransferStatus.HELD;
    if (newest.kind === RowKind.capture || newest.kind === RowKind.rest) {
      return TransferStatus.CAPTURED;
    }
    return newest.kind === RowKind.release ? TransferStatus.RELEASED : TransferStatus.EXPIRED;
  }
  if (!wentAway(row)) return TransferStatus.POSTED;
  if (returns.has(row.id)) return TransferStatus.RETURNED;
  const settled = channels.get(row.peer_book ?? 0)?.settled ?? 0n;
  const travels = (row.channel_number ?? 0n) > settled;
  return travels ? TransferStatus.IN_TRANSIT : TransferStatus.POSTED;
}

function changes({ byId }: Tables, [wanted]: readonly unknown[]): object[] {
  return ids(wanted).flatMap((id) => {
    const row = byId.get(id);
    return row?.kind === RowKind.change ? [{ ...row, account: row.credit_account }] : [];
  });
}

function openings({ byExternalId, byId, rows }: Tables, [wanted]: readonly unknown[]): object[] {
  return ids(wanted).flatMap((externalId) => {
    const account = byExternalId.get(externalId);
    const row = rows[Number(account?.opened_seq ?? 0n) - 1];
    if (account === undefined || row === undefined || !byId.has(row.id)) return [];
    const { epoch, seq, at_micros: micros } = row;
    return [{ ...account, scale: null, epoch, seq, at_micros: micros }];
  });
}

function existing({ byId }: Tables, [wanted]: readonly unknown[]): object[] {
  return ids(wanted).flatMap((id) => (byId.has(id) ? [{ id }] : []));
}

function legs({ rows, accounts }: Tables, values: readonly unknown[]): object[] {
  const [peerBook, after] = values;
  const limit = Number(values.at(-1));
  return rows
    .filter(
      (row) =>
        row.peer_book === peerBook && wentAway(row) && Number(row.channel_number) > Number(after),
    )
    .slice(0, limit)
    .map((row) => ({
      ...row,
      transfer_id: row.id,
      credit_account: row.peer_account,
      asset: accounts.get(row.debit_account ?? 0n)?.asset ?? '',
    }));
}

function arrivedLegs({ rows, accounts }: Tables, values: readonly unknown[]): object[] {
  const [origin, after, limit] = values;
  return rows
    .filter(
      (row) =>
        row.peer_book === origin &&
        row.kind === RowKind.settlement &&
        Number(row.channel_number) > Number(after),
    )
    .slice(0, Number(limit))
    .map((row) => ({
      ...row,
      transfer_id: row.origin_id,
      debit_account: row.peer_account,
      asset: accounts.get(row.debit_account ?? 0n)?.asset ?? '',
    }));
}

function refusals({ rows }: Tables, [origin, , after, through]: readonly unknown[]): object[] {
  return rows.filter(
    (row) =>
      row.peer_book === origin &&
      row.kind === RowKind.settlement &&
      row.reason !== Reason.UNSPECIFIED &&
      Number(row.channel_number) > Number(after) &&
      Number(row.channel_number) <= Number(through),
  );
}

function dueHolds({ rows, head }: Tables, values: readonly unknown[]): object[] {
  const [afterMicros = 0, afterSeq = 0, now = 0, limit = 0] = values.map(Number);
  const seen = { head_seq: head.seq, head_micros: head.at_micros };
  return rows
    .flatMap((row) => {
      const { expires_at: expires, seq } = row;
      if (expires === null) return [];
      const at = Number(expires);
      const later = at > afterMicros || (at === afterMicros && Number(seq) > afterSeq);
      return later && at <= now ? [{ ...row, ...seen, expires_micros: expires }] : [];
    })
    .toSorted((a, b) => Number(a.expires_micros - b.expires_micros || a.seq - b.seq))
    .slice(0, limit);
}

function journal({ rows }: Tables): object[] {
  return rows.map((row) => ({ ...row, expires_at_micros: row.expires_at }));
}
