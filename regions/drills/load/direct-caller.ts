import { type ClientDuplexStream } from '@grpc/grpc-js';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  BookServiceClient,
  FaultCode,
  type PostReply,
  PostRequest,
} from '../../../proto/gen/meridian/internal/v1/book.ts';
import { TransferStatus } from '../../../proto/gen/meridian/v1/transfer.ts';
import type { MemberState } from '../../topology/state.ts';
import type { CallRequest, CallLog, RecordedCall } from './call-log.ts';
import type { RunClock } from './run-clock.ts';
import type { DrillLoad } from './drill-load.ts';
import { acknowledgementOf, requestOf } from './request.ts';
import { routerLinks } from '../../links/known-links.ts';

/** The parts of a run that its calls need. */
export interface DirectRun {
  readonly target: MemberState;
  readonly load: DrillLoad;
  readonly log: CallLog;
  readonly clock: RunClock;
  readonly namespace: string;
}

const CONNECT_MS = 5_000;
/** Longer than any drill waits for its answer: the server must not drop them as late. */
const TIMEOUT_MS = 60_000;

/**
 * Calls one ledger server directly, like a router with outdated knowledge of the leader.
 * Its answers are recorded like those of any other call.
 */
export class DirectCaller {
  readonly #run: DirectRun;
  readonly #client: BookServiceClient;
  #stream: ClientDuplexStream<PostRequest, PostReply> | undefined;
  readonly #waiting = new Map<number, { asked: CallRequest; sentAtMs: number }>();
  #acknowledged = 0;

  constructor(run: DirectRun, address: string) {
    this.#run = run;
    this.#client = new BookServiceClient(
      address,
      routerLinks(address, run.target.region).channelTo('ledger'),
    );
  }

  /** Throws when the server cannot be reached. */
  async connect(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#client.waitForReady(Date.now() + CONNECT_MS, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
    this.#stream = this.#client.post();
    this.#stream.on('data', (reply: PostReply) => this.#receive(reply));
    // The calls that wait then are recorded as unknown at the end.
    this.#stream.on('error', () => {});
  }

  /** Sends `count` transfers within the book of the target, each in its own batch. */
  ask(count: number): void {
    const { target, load, clock, namespace } = this.#run;
    const [payer, payee] = load.accounts.filter(({ book }) => book === target.book);
    if (payer === undefined || payee === undefined) {
      throw new Error(`the load has no accounts in ${target.bookName}`);
    }
    for (let batch = 1; batch <= count; batch += 1) {
      const asked: CallRequest = {
        key: `direct-${batch}`,
        kind: 'transfer',
        via: payer.region,
        home: payer.region,
        to: payee.region,
        book: payer.book,
        toBook: payee.book,
        debitAccount: String(payer.id),
        creditAccount: String(payee.id),
        amountMinor: '1',
        holdId: '',
      };
      this.#waiting.set(batch, { asked, sentAtMs: clock.now() });
      this.#stream?.write(
        PostRequest.create({
          batch: BigInt(batch),
          transfers: [requestOf(asked, namespace)],
          timeoutMs: [TIMEOUT_MS],
        }),
      );
    }
  }

  /** Waits for the answers. Returns how many were acknowledged. */
  async finish(timeoutMs: number): Promise<number> {
    const giveUpAt = performance.now() + timeoutMs;
    while (this.#waiting.size > 0 && performance.now() < giveUpAt) await sleep(100);
    for (const batch of this.#waiting.keys()) {
      this.#record(batch, { code: 'UNKNOWN', outcome: 'unknown', message: 'no answer' });
    }
    return this.#acknowledged;
  }

  close(): void {
    this.#stream?.cancel();
    this.#client.close();
  }

  #receive({ reply }: PostReply): void {
    if (reply?.$case === 'fault') {
      const { batch, code, message } = reply.value;
      const outcome = code === FaultCode.OUTCOME_UNKNOWN ? 'unknown' : 'not_applied';
      this.#record(Number(batch), { code: 'ABORTED', outcome, message });
    }
    if (reply?.$case !== 'outcome') return;
    const [answer] = reply.value.results;
    const batch = Number(reply.value.batch);
    if (answer === undefined || answer.status === TransferStatus.UNSPECIFIED) {
      const message = 'too late to start';
      this.#record(batch, { code: 'DEADLINE_EXCEEDED', outcome: 'not_applied', message });
      return;
    }
    this.#acknowledged += 1;
    this.#record(batch, undefined, acknowledgementOf(answer));
  }

  #record(
    batch: number,
    trouble: RecordedCall['trouble'],
    acknowledged?: RecordedCall['acknowledged'],
  ): void {
    const waiting = this.#waiting.get(batch);
    if (waiting === undefined) return;
    this.#waiting.delete(batch);
    const { asked, sentAtMs } = waiting;
    this.#run.log.add({
      ...asked,
      sentAtMs,
      endedAtMs: this.#run.clock.now(),
      ...(trouble === undefined ? {} : { trouble }),
      ...(acknowledged === undefined ? {} : { acknowledged }),
    });
  }
}
