import { Metadata } from '@grpc/grpc-js';
import type {
  DryRunLegsReply,
  DryRunLegsRequest,
  HaltedTransfer,
} from '../../proto/gen/meridian/internal/v1/book.ts';
import { Reason } from '../../proto/gen/meridian/v1/reason.ts';
import {
  type CreateTransferResponse,
  type CreateTransfersRequest,
  type CreateTransfersResponse,
  TransferStatus,
  Wait,
} from '../../proto/gen/meridian/v1/transfer.ts';
import { bookOf } from '../core/account-id.ts';
import { must } from '../core/assert.ts';
import { validateAll } from '../core/validate/validate.ts';
import { decidingAccountOf, validateTransfer } from '../core/validate/validate-transfer.ts';
import type { BookMember } from '../member/book-member.ts';
import type { DryLeg } from '../leader/work.ts';
import { channelDiverged, invalidArgument, refuseMalformed } from '../rpc/error.ts';
import type { Leaders } from '../rpc/leaders.ts';
import { validateLegs } from '../settlement/validate-legs.ts';
import { leaderOf, outcomeOf } from './asking.ts';

/** How long another book may take to report what it would do. */
const PEER_MS = 1000;

/**
 * Returns the outcomes that transfers of this book would have now, each seeing the ones before it.
 * Legs into another book are evaluated there; if that book does not answer, they are IN_TRANSIT,
 * as real ones would be.
 */
export async function dryRun(
  member: BookMember,
  leaders: Leaders,
  { transfers }: CreateTransfersRequest,
): Promise<CreateTransfersResponse> {
  const violations = validateAll(transfers, 'transfers', validateTransfer);
  const { number } = member.config.book;
  for (const [index, request] of transfers.entries()) {
    if (bookOf(decidingAccountOf(request)) === number) continue;
    const description = 'is not an account of this book';
    violations.push({ field: `transfers[${index}].debit_account_id`, description });
  }
  refuseMalformed(violations);
  const leader = leaderOf(member);
  const rehearsal = await outcomeOf<Rehearsal>(({ onOutcome, onFailure }) =>
    leader.submitDry({
      kind: 'dryTransfers',
      requests: transfers,
      onOutcome: (results, sent, halted) => onOutcome({ results, sent, halted }),
      onFailure,
    }),
  );
  const { results, halted } = rehearsal;
  const [first] = halted;
  if (first !== undefined) {
    const message = `transfers[${first.index}] would leave by ${first.channel}, which is halted`;
    throw channelDiverged(message, first.channel);
  }
  const awaited = rehearsal.sent.filter(({ index }) => transfers[index]?.wait !== Wait.POSTED);
  await Promise.all(
    [...Map.groupBy(awaited, ({ peerBook }) => peerBook)].map(async ([peerBook, sent]) => {
      const reasons = await askPeer(leaders, number, peerBook, sent);
      for (const [place, reason] of reasons.entries()) {
        const index = sent[place]?.index ?? 0;
        const result = must(results[index], 'every request has a result');
        const refused = reason !== Reason.UNSPECIFIED;
        const status = refused ? TransferStatus.RETURNED : TransferStatus.POSTED;
        results[index] = { ...result, status, reason };
      }
    }),
  );
  return { results: results.map(asDry) };
}

/** An answer, and those of its legs, marked as that of a dry run. */
export function asDry(answer: CreateTransferResponse): CreateTransferResponse {
  const group = answer.group && { legs: answer.group.legs.map(asDry) };
  return { ...answer, group, dryRun: true };
}

interface Rehearsal {
  readonly results: CreateTransferResponse[];
  readonly sent: readonly DryLeg[];
  readonly halted: readonly HaltedTransfer[];
}

/** One reason for each leg; none if the other book does not answer. */
function askPeer(
  leaders: Leaders,
  originBook: number,
  peerBook: number,
  sent: readonly DryLeg[],
): Promise<readonly Reason[]> {
  const peer = leaders.leaderOf(peerBook);
  if (peer === undefined) return Promise.resolve([]);
  const request = { originBook, legs: sent.map(({ leg }) => leg) };
  const options = { deadline: Date.now() + PEER_MS };
  return new Promise((resolve) => {
    peer.client.dryRunLegs(request, new Metadata(), options, (error, reply) => {
      resolve(error === null ? reply.reasons : []);
    });
  });
}

/** Returns what this book would answer now to second legs from another book. */
export async function dryRunLegs(
  member: BookMember,
  { originBook, legs }: DryRunLegsRequest,
): Promise<DryRunLegsReply> {
  const { books, book } = member.config;
  const origin = books.find(({ number }) => number === originBook && number !== book.number);
  if (origin === undefined) {
    const description = `${originBook} is no other book of this installation`;
    throw invalidArgument([{ field: 'origin_book', description }]);
  }
  const numbers = { closedThrough: 0n, firstNumber: 1n };
  const originName = origin.name;
  const hashBefore = Buffer.alloc(0);
  refuseMalformed(
    validateLegs(books, { originBook, originName, ...numbers, legs, hashBefore, captures: [] }),
  );
  const leader = leaderOf(member);
  const reasons = await outcomeOf<Reason[]>((callbacks) =>
    leader.submitDry({ kind: 'legs', originBook, legs, ...callbacks }),
  );
  return { reasons };
}
