import { type JournalRow, RowKind, TRANSFER_KINDS } from '../../../ledger/core/journal-row.ts';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import { TransferStatus } from '../../../proto/gen/meridian/v1/transfer.ts';
import { describeOperation, type KeyedHistory, type KeyedCalls } from '../keyed-calls.ts';
import { describeRow, type SimulatedJournal } from './simulated-journal.ts';
import type { BrokenInvariant } from './broken-invariant.ts';

/** I4, I5, I6 and I14: the answers of clients against the journals. */
export function checkAnswers(
  books: readonly SimulatedJournal[],
  history: KeyedHistory,
): BrokenInvariant[] {
  const found: BrokenInvariant[] = [];
  for (const book of books) {
    const rows = new Map(book.rows.map(({ row }) => [row.id, row]));
    const returned = new Map(
      book.rows.flatMap(({ row }) =>
        row.kind === RowKind.return ? [[row.originId ?? '', row] as const] : [],
      ),
    );
    found.push(...checkPhantoms(book, history));
    for (const operation of history.values()) {
      if (operation.book !== book.number) continue;
      const what = answersOf(operation, rows.get(operation.id), returned.get(operation.id));
      for (const [invariant, text] of what) {
        const row = rows.get(operation.id);
        const stored = row === undefined ? 'the journal has no such row' : describeRow(row);
        const evidence = [...describeOperation(operation), stored];
        found.push({ invariant, what: `${operation.key}: ${text}`, evidence });
      }
    }
    found.push(...checkEpochs(book, history));
  }
  return found;
}

function checkPhantoms({ name, rows }: SimulatedJournal, history: KeyedHistory): BrokenInvariant[] {
  return rows
    .filter(
      ({ row }) => TRANSFER_KINDS.includes(row.kind) && (row.details?.groupId ?? null) === null,
    )
    .filter(({ row }) => !history.has(row.id))
    .map(({ row }) => ({
      invariant: 'I5',
      what: `${name} has a transfer that no client asked for`,
      evidence: [describeRow(row)],
    }));
}

type Named = readonly [invariant: string, what: string];

function answersOf(
  { id, request: first, attempts }: KeyedCalls,
  row: JournalRow | undefined,
  returned: JournalRow | undefined,
): Named[] {
  const found: Named[] = [];
  for (const { request, answers } of attempts) {
    for (const { response } of answers) {
      const { transferId, status, reason, position } = response;
      if (transferId !== id) found.push(['I6', `was answered as transfer ${transferId}`]);
      if (row === undefined) {
        found.push(['I4', 'was answered, and is missing']);
        continue;
      }
      const isFirstBody = request.amount === first.amount;
      const alteredDecided =
        row.amount !== null && row.amount !== first.amount && first.amount > 0n;
      const mine = alteredDecided === !isFirstBody;
      if (reason === Reason.IDEMPOTENCY_KEY_REUSED) {
        if (mine) found.push(['I6', 'was answered as in use for another request, and is not']);
        continue;
      }
      if (!mine) found.push(['I6', 'has the outcome of another body']);
      if (Number(position?.seq) !== row.seq || Number(position?.epoch) !== row.epoch) {
        found.push(['I6', `was decided at seq ${position?.seq}, and is at ${row.seq}`]);
      } else if ((status === TransferStatus.REJECTED) !== (row.reason !== 0)) {
        found.push(['I6', 'was rejected in one place and applied in another']);
      } else if (status === TransferStatus.REJECTED && reason !== row.reason) {
        found.push(['I6', 'was rejected for two reasons']);
      } else if (status === TransferStatus.RETURNED && returned === undefined) {
        found.push(['I6', 'was answered as returned, and is not']);
      } else if (status === TransferStatus.POSTED && returned !== undefined) {
        found.push(['I6', 'was answered as posted, and was returned']);
      } else if (status === TransferStatus.IN_TRANSIT && row.peer === null) {
        found.push(['I6', 'was answered as in transit, and is not']);
      }
    }
  }
  return found;
}

/** I14: no request is decided in an epoch if it began after an answer of a later epoch. */
function checkEpochs({ number }: SimulatedJournal, history: KeyedHistory): BrokenInvariant[] {
  const decided = [...history.values()]
    .filter(({ book }) => book === number)
    .flatMap((operation) =>
      operation.attempts.flatMap(({ invokedAt, answers }) =>
        answers
          .filter(
            ({ response }) =>
              !response.replayed && response.reason !== Reason.IDEMPOTENCY_KEY_REUSED,
          )
          .map(({ at, response }) => ({
            operation,
            invokedAt,
            at,
            epoch: Number(response.position?.epoch ?? 0n),
          })),
      ),
    );
  const firstAnswered = new Map<number, number>();
  for (const { epoch, at } of decided) {
    firstAnswered.set(epoch, Math.min(at, firstAnswered.get(epoch) ?? Infinity));
  }
  return decided.flatMap(({ operation, invokedAt, epoch }) => {
    const later = [...firstAnswered].find(([other, at]) => other > epoch && at < invokedAt);
    if (later === undefined) return [];
    return [
      {
        invariant: 'I14',
        what: `${operation.key} was decided in epoch ${epoch}, after epoch ${later[0]} had begun`,
        evidence: [...describeOperation(operation), `epoch ${later[0]} answered at ${later[1]}`],
      },
    ];
  });
}
