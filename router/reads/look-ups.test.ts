import { status } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import { accountId } from '../../ledger/core/account-id.ts';
import { reasonOf, RpcError } from '../../ledger/rpc/error.ts';
import { Leaders } from '../../ledger/rpc/leaders.ts';
import { PreconditionFailure } from '../../proto/gen/google/rpc/error_details.ts';
import { Status } from '../../proto/gen/google/rpc/status.ts';
import { GetTransferRequest, GetTransferResponse } from '../../proto/gen/meridian/v1/transfer.ts';
import { Books } from '../books/books.ts';
import { Forward } from '../books/forward.ts';
import { routerTuning } from '../router-tuning.ts';
import { LookUps } from './look-ups.ts';
import { StandInServer } from '../testing/stand-in-server.ts';
import { insecureLinks } from '../../ledger/rpc/tls/credentials.ts';

/** Look-ups in books that answer what a test wants, or do not answer. */

const BOOKS = new Books(
  ['eu-west', 'us-east', 'ap-south'].map((region, index) => {
    return { number: index + 1, name: `${region}-1`, region };
  }),
);

const payerIn = (book: number) => accountId(book, 7);

/** How long the other books may take, where one is silent. */
const SILENCE_MS = 400;

/** @param seen for each book its answers to the look-ups it is asked; undefined: it is silent */
async function lookUps(
  seen: readonly (readonly boolean[] | undefined)[],
  bookSilenceMs = 20_000,
): Promise<LookUps> {
  const servers = await Promise.all(
    BOOKS.all.map(({ region, number }) => new StandInServer(region, number).start()),
  );
  for (const [index, server] of servers.entries()) {
    server.lookedUp = seen[index]?.map((found) =>
      GetTransferResponse.fromPartial(
        found ? { found, transfer: { debitAccountId: payerIn(index + 1) } } : {},
      ),
    );
    server.lead(1);
  }
  const leaders = new Leaders(
    servers.map(({ address }) => address),
    insecureLinks,
  );
  onTestFinished(() => {
    leaders.close();
    for (const server of servers) server.stop();
  });
  for (const { number } of BOOKS.all) {
    await expect.poll(() => leaders.leaderOf(number)?.epoch, { interval: 5 }).toBe(1);
  }
  return new LookUps(BOOKS, new Forward(leaders, { ...routerTuning, bookSilenceMs }));
}

const byKey = (fields: Partial<GetTransferRequest> = {}) =>
  GetTransferRequest.fromPartial({ by: { $case: 'idempotencyKey', value: 'rent' }, ...fields });

const soon = () => Date.now() + 20_000;

async function failureOf(call: Promise<unknown>): Promise<RpcError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof RpcError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

function violationsOf(error: RpcError) {
  const [bytes] = error.metadata.get('grpc-status-details-bin');
  if (!(bytes instanceof Buffer)) throw new Error('the error has no details');
  const { details } = Status.decode(bytes);
  const precondition = details.find(({ typeUrl }) => typeUrl.endsWith('PreconditionFailure'));
  return PreconditionFailure.decode(precondition?.value ?? Buffer.alloc(0)).violations;
}

test('a key that two books have leads to an error that lists both', async () => {
  const books = await lookUps([[true], [true], [false]]);
  const error = await failureOf(books.transfer(byKey(), soon()));
  expect(error.code).toBe(status.FAILED_PRECONDITION);
  expect(reasonOf(error)).toBe('AMBIGUOUS_KEY');
  expect(violationsOf(error)).toEqual([
    {
      type: 'AMBIGUOUS_KEY',
      subject: 'idempotency_key',
      description: `eu-west-1: payer ${payerIn(1)}`,
    },
    {
      type: 'AMBIGUOUS_KEY',
      subject: 'idempotency_key',
      description: `us-east-1: payer ${payerIn(2)}`,
    },
  ]);
  const ofPayer = await books.transfer(byKey({ debitAccountId: payerIn(2) }), soon());
  expect(ofPayer.transfer?.debitAccountId).toBe(payerIn(2));
  const byId = {
    by: { $case: 'transferId', value: '0193A1B2-c3d4-7e5f-8a6b-7c8d9e0f1a2b' },
  } as const;
  expect((await failureOf(books.transfer(byKey(byId), soon()))).message).toMatch(/^transfer_id /u);
});

test('the answer of one book is not returned while another does not answer', async () => {
  for (const found of [true, false]) {
    const books = await lookUps([[found], undefined, [false]], SILENCE_MS);
    const failure = async () => {
      const error = await failureOf(books.transfer(byKey(), soon()));
      return [error.code, reasonOf(error), error.message];
    };
    const message = expect.stringMatching(/^us-east-1 did not answer/u);
    // On a busy machine the others may be late as well.
    await expect.poll(failure).toEqual([status.UNAVAILABLE, 'BOOKS_SILENT', message]);
    const ofPayer = await books.transfer(byKey({ debitAccountId: payerIn(1) }), soon());
    expect(ofPayer.found).toBe(found);
  }
});

test('two known transfers stay ambiguous while a third book does not answer', async () => {
  const books = await lookUps([[true], [true], undefined], SILENCE_MS);
  const reason = async () => reasonOf(await failureOf(books.transfer(byKey(), soon())));
  await expect.poll(reason).toBe('AMBIGUOUS_KEY');
});

test('the error of the only book that is asked is passed on', async () => {
  const books = await lookUps([undefined, [true], [true]]);
  const inTime = Date.now() + 500;
  const error = await failureOf(books.transfer(byKey({ debitAccountId: payerIn(1) }), inTime));
  expect(reasonOf(error)).toBe('NO_ANSWER');
});

test('the error of many look-ups names each that is ambiguous', async () => {
  const books = await lookUps([
    [true, false, true],
    [false, true, true],
    [false, false, false],
  ]);
  const request = { transfers: [byKey(), byKey(), byKey()], options: undefined };
  const error = await failureOf(books.transfers(request, soon()));
  expect(error.code).toBe(status.FAILED_PRECONDITION);
  expect(violationsOf(error).map(({ subject }) => subject)).toEqual([
    'transfers[2]',
    'transfers[2]',
  ]);
  const sure = await lookUps([
    [true, false, false],
    [false, true, false],
    [false, false, false],
  ]);
  const { transfers } = await sure.transfers(request, soon());
  expect(transfers.map(({ found }) => found)).toEqual([true, true, false]);
  expect(transfers.map(({ transfer }) => transfer?.debitAccountId)).toEqual([
    payerIn(1),
    payerIn(2),
    undefined,
  ]);
});
