import type {
  ChangeAccountResponse,
  OpenAccountRequest,
  OpenAccountResponse,
} from '../../proto/gen/meridian/v1/account.ts';
import { Reason } from '../../proto/gen/meridian/v1/reason.ts';
import { must } from '../core/assert.ts';
import { namedAsset } from '../core/asset.ts';
import type {
  AssetCommand,
  ChangeCommand,
  CloseCommand,
  ExpireCommand,
  NotOwnedOutcome,
  OpenCommand,
  SettleCommand,
  TransferCommand,
  TransferOutcome,
} from '../core/post/command.ts';
import {
  differingAccountField,
  differingChangeField,
  differingTransferField,
  openedAs,
} from '../core/validate/same-request.ts';
import type { RegionBooks } from '../core/placement.ts';
import { transferIdOf } from '../core/transfer-id.ts';
import type { Book } from '../store/head.ts';
import type { StoredOpening } from '../store/read-opened.ts';
import { type Recalled, reusedChangeKey, reusedKey, TOO_LATE } from './answers.ts';
import type { Asked, Hints } from './recall.ts';
import type {
  AssetWork,
  ChangeWork,
  ChannelWork,
  CloseWork,
  ExpireWork,
  OpenWork,
  ProofWork,
  SettleWork,
  TransferWork,
  Work,
} from './work.ts';

/** A transfer of a batch: what was asked, and its answer once there is one. */
export interface TransferItem extends Asked {
  answer: Recalled | undefined;
  /** Its outcome, if this batch decided it. */
  outcome: TransferOutcome | undefined;
}

/** An account to open, and its answer once there is one. */
export interface OpenItem {
  readonly request: OpenAccountRequest;
  readonly regionBooks: RegionBooks;
  answer: OpenAccountResponse | undefined;
  /** Why it was not opened, if this book does not own it. */
  notOwned: NotOwnedOutcome['why'] | undefined;
}

/** A change of an account, and its answer once there is one. */
export interface ChangeItem {
  readonly id: string;
  readonly work: ChangeWork;
  answer: ChangeAccountResponse | undefined;
}

/** A command, and what it was made for. */
export type Planned =
  | { readonly kind: 'transfer'; readonly command: TransferCommand; readonly item: TransferItem }
  | { readonly kind: 'open'; readonly command: OpenCommand; readonly item: OpenItem }
  | { readonly kind: 'change'; readonly command: ChangeCommand; readonly item: ChangeItem }
  | { readonly kind: 'asset'; readonly command: AssetCommand; readonly work: AssetWork }
  | { readonly kind: 'settle'; readonly command: SettleCommand; readonly work: SettleWork }
  | { readonly kind: 'close'; readonly command: CloseCommand; readonly work: CloseWork }
  | {
      readonly kind: 'channel';
      readonly command: ChannelWork['command'];
      readonly work: ChannelWork;
    }
  | { readonly kind: 'expire'; readonly command: ExpireCommand; readonly work: ExpireWork };

/**
 * A batch on its way: the works that it answers, which of their requests have an answer
 * already, and the commands that must be posted for the rest.
 */
export class BatchPlan {
  readonly works: readonly Work[];
  /** The items of each work, in the order of its requests. */
  readonly transferWorks: { readonly work: TransferWork; readonly items: TransferItem[] }[] = [];
  readonly openWorks: { readonly work: OpenWork; readonly items: OpenItem[] }[] = [];
  readonly changes: ChangeItem[] = [];
  /** Works that ask for nothing but the commit. */
  readonly proofs: ProofWork[] = [];
  /** Items that repeat a key or external id of this batch, and the first of it. */
  #repeats: [TransferItem, TransferItem | ChangeItem][] = [];
  #changeRepeats: [ChangeItem, ChangeItem][] = [];
  #openRepeats: [OpenItem, OpenItem][] = [];

  /** @param now performance.now(): what should have begun before is not started any more */
  constructor(works: readonly Work[], now: number) {
    this.works = works;
    for (const work of works) {
      if (work.kind === 'transfers') {
        const items = work.requests.map((request, index) => ({
          id: transferIdOf(request.namespace, request.idempotencyKey),
          request,
          answer: (work.startBefore[index] ?? Infinity) < now ? TOO_LATE : undefined,
          outcome: undefined,
        }));
        this.transferWorks.push({ work, items });
      } else if (work.kind === 'open') {
        const { regionBooks = [] } = work;
        const open = { regionBooks, answer: undefined, notOwned: undefined };
        const items = work.requests.map((request): OpenItem => ({ request, ...open }));
        this.openWorks.push({ work, items });
      } else if (work.kind === 'change') {
        const { namespace, idempotencyKey } = work.request;
        this.changes.push({ id: transferIdOf(namespace, idempotencyKey), work, answer: undefined });
      } else if (work.kind === 'proof') {
        this.proofs.push(work);
      }
    }
  }

  /** Transfers without an answer, in the order of arrival. */
  unanswered(): TransferItem[] {
    const found: TransferItem[] = [];
    for (const { items } of this.transferWorks) {
      for (const item of items) if (item.answer === undefined) found.push(item);
    }
    return found;
  }

  /** The ids that Redis has among all transfers; undefined if it did not answer for one work. */
  async hints(): Promise<Hints> {
    const found = new Set<string>();
    for (const { work } of this.transferWorks) {
      const hints = await work.hints;
      if (hints === undefined) return undefined;
      for (const id of hints) found.add(id);
    }
    return found;
  }

  /** Accounts to open that have no answer, in the order of arrival. */
  unopened(): OpenItem[] {
    return this.openWorks.flatMap(({ items }) => items.filter((item) => item.answer === undefined));
  }

  /** Changes without an answer. */
  unchanged(): ChangeItem[] {
    return this.changes.filter((item) => item.answer === undefined);
  }

  /** Gives the items their recalled answers; undefined ones stay without. */
  answer(items: readonly TransferItem[], recalled: readonly (Recalled | undefined)[]): void {
    for (const [place, item] of items.entries()) item.answer = recalled[place];
  }

  /** Answers the openings whose external id is in use already. */
  answerOpenings(book: Book, stored: ReadonlyMap<string, StoredOpening>): void {
    for (const item of this.unopened()) {
      const opening = stored.get(item.request.externalId);
      if (opening === undefined) continue;
      const position = { book: book.number, epoch: opening.epoch, seq: opening.seq };
      const field = differingAccountField(opening.openedAs, openedAs(item.request));
      const { account } = opening;
      item.answer =
        field === ''
          ? reopened(item.request, { account, position })
          : reusedExternalId(field, position);
    }
  }

  /**
   * The commands for all that has no answer: assets, openings, changes, settlements and
   * expiries, then transfers in the order of arrival, so that what brings or frees money comes
   * before what spends it.
   */
  commands(): Planned[] {
    this.#repeats = [];
    this.#changeRepeats = [];
    this.#openRepeats = [];
    const planned: Planned[] = [];
    for (const work of this.works) {
      if (work.kind !== 'asset') continue;
      planned.push({ kind: 'asset', command: { kind: 'asset', request: work.request }, work });
    }
    this.#planOpenings(planned);
    const changes = this.#planChanges(planned);
    for (const work of this.works) {
      if (work.kind === 'settle') planned.push({ kind: 'settle', command: work.command, work });
      if (work.kind === 'close') planned.push({ kind: 'close', command: work.command, work });
      if (work.kind === 'channel') planned.push({ kind: 'channel', command: work.command, work });
      if (work.kind === 'expire') planned.push({ kind: 'expire', command: work.command, work });
    }
    this.#planTransfers(planned, changes);
    return planned;
  }

  #planOpenings(planned: Planned[]): void {
    const byExternalId = new Map<string, OpenItem>();
    for (const item of this.unopened()) {
      const { request, regionBooks } = item;
      const first = byExternalId.get(request.externalId);
      if (first !== undefined) {
        this.#openRepeats.push([item, first]);
        continue;
      }
      byExternalId.set(request.externalId, item);
      planned.push({ kind: 'open', command: { kind: 'open', request, regionBooks }, item });
    }
  }

  #planChanges(planned: Planned[]): ReadonlyMap<string, ChangeItem> {
    const byId = new Map<string, ChangeItem>();
    for (const item of this.unchanged()) {
      const { id, work } = item;
      const first = byId.get(id);
      if (first !== undefined) {
        this.#changeRepeats.push([item, first]);
        continue;
      }
      byId.set(id, item);
      const command = { kind: 'change', id, request: work.request } as const;
      planned.push({ kind: 'change', command, item });
    }
    return byId;
  }

  #planTransfers(planned: Planned[], changes: ReadonlyMap<string, ChangeItem>): void {
    const byId = new Map<string, TransferItem>();
    for (const item of this.unanswered()) {
      const { id, request } = item;
      const first = changes.get(id) ?? byId.get(id);
      if (first !== undefined) {
        this.#repeats.push([item, first]);
        continue;
      }
      byId.set(id, item);
      planned.push({ kind: 'transfer', command: { kind: 'transfer', id, request }, item });
    }
  }

  /** Answers what repeats a key of this batch, once the first of each has its answer. */
  answerRepeats(): void {
    for (const [item, first] of this.#repeats) item.answer = repeatAnswer(item, first);
    for (const [item, first] of this.#changeRepeats) {
      const answer = must(first.answer, 'the first of a key has its answer');
      const field = differingChangeField(first.work.request, item.work.request);
      item.answer =
        field === '' ? { ...answer, replayed: true } : reusedChangeKey(item.id, field, answer);
    }
    for (const [item, first] of this.#openRepeats) {
      const answer = must(first.answer, 'the first of an external id has its answer');
      const field = differingAccountField(openedAs(first.request), openedAs(item.request));
      item.notOwned = first.notOwned;
      if (answer.account === undefined) item.answer = answer;
      else if (field === '') item.answer = reopened(item.request, answer);
      else item.answer = reusedExternalId(field, answer.position);
    }
  }
}

function repeatAnswer(item: TransferItem, first: TransferItem | ChangeItem): Recalled {
  if ('work' in first) {
    const decided = must(first.answer, 'the first of a key has its answer');
    return { response: reusedKey(item.id, 'kind', decided), channel: null };
  }
  const answer = must(first.answer, 'the first of a key has its answer');
  // Nothing has been recorded, so that there is nothing to repeat.
  if (answer.haltedPeer !== undefined) return answer;
  const { response, channel } = answer;
  const field = differingTransferField(first.request, item.request);
  return field === ''
    ? { response: { ...response, replayed: true }, channel }
    : { response: reusedKey(item.id, field, response), channel: null };
}

/** The answer to the opening of an account that is there, unless it names another scale. */
function reopened(
  { asset }: OpenAccountRequest,
  { account, position }: Pick<OpenAccountResponse, 'account' | 'position'>,
): OpenAccountResponse {
  const { scale } = namedAsset(asset);
  const same = scale === undefined || scale === account?.scale;
  return {
    account: same ? account : undefined,
    replayed: same,
    differingField: '',
    position,
    reason: same ? Reason.UNSPECIFIED : Reason.SCALE_MISMATCH,
    dryRun: false,
  };
}

function reusedExternalId(
  differingField: string,
  position: OpenAccountResponse['position'],
): OpenAccountResponse {
  const reason = Reason.IDEMPOTENCY_KEY_REUSED;
  return { account: undefined, replayed: false, differingField, position, reason, dryRun: false };
}
