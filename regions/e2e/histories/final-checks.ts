import { expect } from 'vitest';
import { must } from '../../../ledger/core/assert.ts';
import type { ModelAccount, ModelBook } from '../../../ledger/testing/model/model-state.ts';
import { decidingAccountOf } from '../../../ledger/core/validate/validate-transfer.ts';
import { ReceivedEvents } from '../../../ledger/testing/database/received-events.ts';
import type { GetAccountsResponse } from '../../../proto/gen/meridian/v1/account.ts';
import {
  type AccountState,
  type Event,
  EventKind,
  SubscribeRequest,
} from '../../../proto/gen/meridian/v1/event.ts';
import {
  type Entry,
  ListEntriesRequest,
  type ListEntriesResponse,
  Side,
} from '../../../proto/gen/meridian/v1/query.ts';
import {
  GetTransferRequest,
  type GetTransfersResponse,
} from '../../../proto/gen/meridian/v1/transfer.ts';
import type { Api } from '../../testing/api-client.ts';
import { checkEvents } from './event-checks.ts';
import type { ClusterRun } from './cluster-run.ts';

/** Compares everything that can be read of a finished history with the model. */
export async function checkReads(run: ClusterRun, api: Api): Promise<void> {
  checkEvents(run);
  await checkAccounts(run, api);
  await checkTransfers(run, api);
  for (const book of run.replay.model.books) {
    for (const account of book.accounts.filter(({ id }) => run.opened.has(id))) {
      await checkVersions(run, api, book, account);
    }
  }
}

async function checkAccounts(run: ClusterRun, api: Api): Promise<void> {
  const expected = run.replay.model.books.flatMap((book) =>
    book.accounts.flatMap((account) => {
      const opened = run.opened.get(account.id);
      return opened === undefined ? [] : [run.expected.account(book, account, opened)];
    }),
  );
  const ids = expected.map(({ id }) => id);
  const { accounts, missing } = await api.call<GetAccountsResponse>((stub, ...rest) =>
    stub.getAccounts({ ids, options: undefined }, ...rest),
  );
  expect(accounts).toEqual(expected);
  expect(missing).toEqual([]);
}

async function checkTransfers(run: ClusterRun, api: Api): Promise<void> {
  const wanted = run.made.map(({ request }) => {
    const { idempotencyKey, namespace } = request;
    const debitAccountId = run.ids.of(decidingAccountOf(request));
    const by = { $case: 'idempotencyKey', value: idempotencyKey } as const;
    return GetTransferRequest.fromPartial({ by, namespace, debitAccountId });
  });
  if (wanted.length === 0) return;
  const { transfers } = await api.call<GetTransfersResponse>((stub, ...rest) =>
    stub.getTransfers({ transfers: wanted, options: undefined }, ...rest),
  );
  const expected = run.made.map(({ book: number, id, request }) => {
    const book = run.replay.model.book(number);
    const transfer = must(
      book.transfers.find((made) => made.id === id),
      'the model has what was made',
    );
    return run.expected.transfer(book, transfer, request);
  });
  expect(transfers.map(({ transfer }) => transfer)).toEqual(expected);
}

/** The versions of an account, as entries and as events. */
async function checkVersions(
  run: ClusterRun,
  api: Api,
  book: ModelBook,
  account: ModelAccount,
): Promise<void> {
  const id = run.ids.of(account.id);
  const applied = run.replay.applied[book.number - 1] ?? [];
  const events = applied.filter((event) => stateIn(event, id) !== undefined);
  expect(events.map((event) => stateIn(event, id))).toEqual(statesOf(book, account, id));
  const request = ListEntriesRequest.fromPartial({ accountId: id, pageSize: 1000 });
  const { entries } = await api.call<ListEntriesResponse>((stub, ...rest) =>
    stub.listEntries(request, ...rest),
  );
  expect(entries).toEqual(events.map((event) => entryOf(event, id)));
  const of = { $case: 'accountId', value: id } as const;
  const asked = SubscribeRequest.fromPartial({ of, historyOnly: true });
  const received = new ReceivedEvents(api.stub.subscribe(asked));
  expect(await received.ended).toBeUndefined();
  expect(received.events).toEqual(events);
}

function stateIn({ debitAccount, creditAccount }: Event, id: bigint): AccountState | undefined {
  return [debitAccount, creditAccount].find((state) => state?.accountId === id);
}

/** The totals after each version that the model knows. */
function statesOf(book: ModelBook, account: ModelAccount, accountId: bigint): AccountState[] {
  let [debits, credits, heldDebits, heldCredits] = [0n, 0n, 0n, 0n];
  return book.versions
    .filter((version) => version.account === account.id)
    .map((version, place) => {
      debits += version.debits;
      credits += version.credits;
      heldDebits += version.heldDebits;
      heldCredits += version.heldCredits;
      const balance = credits - debits;
      const totals = { debits, credits, balance, heldDebits, heldCredits };
      return { accountId, version: BigInt(place + 1), ...totals, available: balance - heldDebits };
    });
}

/** An event as the entry of one of its accounts. */
function entryOf(event: Event, id: bigint): Entry {
  const state = must(stateIn(event, id), 'the event changed the account');
  const { code, reference, metadata, position, kind, originId, groupId, by, transferId } = event;
  const isDebit = event.debitAccount === state;
  const isChange = kind === EventKind.ACCOUNT_CHANGED;
  return {
    version: state.version,
    side: isChange ? Side.UNSPECIFIED : isDebit ? Side.DEBIT : Side.CREDIT,
    amount: event.amount,
    counterpartyAccountId: isDebit ? event.creditAccountId : event.debitAccountId,
    debitsAfter: state.debits,
    creditsAfter: state.credits,
    balanceAfter: state.balance,
    transferId,
    idempotencyKey: event.idempotencyKey === transferId ? '' : event.idempotencyKey,
    code,
    reference,
    metadata,
    position,
    postedAt: event.at,
    kind,
    heldDebitsAfter: state.heldDebits,
    heldCreditsAfter: state.heldCredits,
    availableAfter: state.available,
    originId,
    groupId,
    by,
  };
}
