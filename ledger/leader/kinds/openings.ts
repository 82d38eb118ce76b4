import type {
  OpenAccountRequest,
  OpenAccountResponse,
} from '../../../proto/gen/meridian/v1/account.ts';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import { must } from '../../core/assert.ts';
import { namedAsset } from '../../core/asset.ts';
import type { RegionBooks } from '../../core/placement.ts';
import type { NotOwnedOutcome, Outcome } from '../../core/post/command.ts';
import { differingAccountField, openedAs } from '../../core/validate/same-request.ts';
import { type BatchStamp, NOT_OWNED, type OpenAnswer, openAnswer } from '../answers.ts';
import type { OpenWork } from '../work.ts';
import { BatchPart, type CommandList, type Lookup, type WorkKind } from './batch-part.ts';

/** An account to open, and its answer once there is one. */
interface OpenItem {
  readonly request: OpenAccountRequest;
  readonly regionBooks: RegionBooks;
  answer: OpenAnswer | undefined;
  /** Why it was not opened, if this book does not own it. */
  notOwned: NotOwnedOutcome['why'] | undefined;
}

/** The accounts to open in a batch. An external id is what a key is for others. */
export class OpeningPart extends BatchPart {
  /** The items of each work, in the order of its requests. */
  readonly #works: readonly { readonly work: OpenWork; readonly items: readonly OpenItem[] }[];
  /** Items that have a command, in the order of their commands. */
  #planned: OpenItem[] = [];
  /** Place of the first of these commands in the batch. */
  #first = 0;
  /** Items that repeat an external id of this batch, and the first that has it. */
  #repeats: [OpenItem, OpenItem][] = [];

  constructor(works: readonly OpenWork[]) {
    super();
    this.#works = works.map((work) => ({
      work,
      items: work.requests.map((request) => ({
        request,
        regionBooks: work.regionBooks ?? [],
        answer: undefined,
        notOwned: undefined,
      })),
    }));
  }

  override get unanswered(): number {
    return this.#open().length;
  }

  #open(): OpenItem[] {
    return this.#works.flatMap(({ items }) => items.filter(({ answer }) => answer === undefined));
  }

  /** Openings are rare: the journal is asked for each batch that has some. */
  override async lookUp({ store, book }: Lookup): Promise<void> {
    const open = this.#open();
    if (open.length === 0) return;
    const externalIds = open.map(({ request }) => request.externalId);
    const stored = await store.readOpened(externalIds);
    for (const item of open) {
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

  plan({ commands }: CommandList): void {
    this.#first = commands.length;
    this.#planned = [];
    this.#repeats = [];
    const byExternalId = new Map<string, OpenItem>();
    for (const item of this.#open()) {
      const { request, regionBooks } = item;
      const first = byExternalId.get(request.externalId);
      if (first !== undefined) {
        this.#repeats.push([item, first]);
        continue;
      }
      byExternalId.set(request.externalId, item);
      this.#planned.push(item);
      commands.push({ kind: 'open', request, regionBooks });
    }
  }

  /**
   * What is called another book's writes no row, so no index would refuse it: the journal is asked
   * again. A batch that was prepared ahead of a refused one was looked up before that one opened
   * the same name after all.
   */
  override async lookUpRefused(outcomes: readonly Outcome[], lookup: Lookup): Promise<boolean> {
    const isRefused = (place: number) => outcomes[this.#first + place]?.kind === 'notOwned';
    if (!this.#planned.some((_, place) => isRefused(place))) return false;
    const before = this.unanswered;
    await this.lookUp(lookup);
    return this.unanswered < before;
  }

  answer(outcomes: readonly Outcome[], stamp: BatchStamp): void {
    for (const [place, item] of this.#planned.entries()) {
      const outcome = outcomes[this.#first + place];
      if (outcome?.kind === 'open') item.answer = openAnswer(item.request, outcome, stamp);
      if (outcome?.kind !== 'notOwned') continue;
      item.answer = NOT_OWNED;
      item.notOwned = outcome.why;
    }
    for (const [item, first] of this.#repeats) {
      const answer = must(first.answer, 'the first of an external id has its answer');
      const field = differingAccountField(openedAs(first.request), openedAs(item.request));
      item.notOwned = first.notOwned;
      if (answer.account === undefined) item.answer = answer;
      else if (field === '') item.answer = reopened(item.request, answer);
      else item.answer = reusedExternalId(field, answer.position);
    }
  }

  publish(): void {
    for (const { work, items } of this.#works) {
      const answers = items.map(({ answer }) => must(answer, 'every opening is answered'));
      const notOwned = items.flatMap(({ notOwned: why }, index) =>
        why === undefined ? [] : [{ index, why }],
      );
      work.onOutcome(answers, notOwned);
    }
  }
}

/** The answer to the opening of an account that is there, unless it names another scale. */
function reopened(
  { asset }: OpenAccountRequest,
  { account, position }: Pick<OpenAccountResponse, 'account' | 'position'>,
): OpenAnswer {
  const { scale } = namedAsset(asset);
  const same = scale === undefined || scale === account?.scale;
  return {
    account: same ? account : undefined,
    replayed: same,
    differingField: '',
    position,
    reason: same ? Reason.UNSPECIFIED : Reason.SCALE_MISMATCH,
  };
}

function reusedExternalId(
  differingField: string,
  position: OpenAccountResponse['position'],
): OpenAnswer {
  const reason = Reason.IDEMPOTENCY_KEY_REUSED;
  return { account: undefined, replayed: false, differingField, position, reason };
}

export const open: WorkKind<OpenWork, OpeningPart> = {
  rows: ({ requests }) => requests.length,
  bounded: true,
  newPart: (works) => new OpeningPart(works),
};
