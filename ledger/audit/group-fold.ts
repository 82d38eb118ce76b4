import { Reason } from '../../proto/gen/meridian/v1/reason.ts';
import { type JournalRow, RowKind } from '../core/journal-row.ts';
import { GROUP_LEGS_MAX } from '../core/limits.ts';
import { legId } from '../core/transfer-id.ts';
import type { Find } from './findings.ts';

interface OpenGroup {
  readonly header: JournalRow;
  readonly legs: number;
  read: number;
  /** Legs that have a reason of their own. */
  broken: number;
}

const LEG_KINDS: ReadonlySet<RowKind> = new Set([
  RowKind.transfer,
  RowKind.hold,
  RowKind.capture,
  RowKind.release,
  RowKind.reversal,
]);

/** Checks that each group is followed by all of its legs, applied all or none (I17). */
export class GroupFold {
  readonly #find: Find;
  #open: OpenGroup | null = null;

  constructor(find: Find) {
    this.#find = find;
  }

  /**
   * Takes any row.
   *
   * @param endsBatch it is the last of what was committed together
   * @param transit it concerns a transit account: a leg opens one when it is first needed
   */
  row(row: JournalRow, endsBatch: boolean, transit: boolean): void {
    const groupId = row.details?.groupId ?? null;
    if (row.kind === RowKind.group) {
      this.#cut(row);
      this.#begin(row);
      if (groupId !== null) this.#find('I17', row, 'a group is a leg of another');
    } else if (groupId !== null) {
      this.#leg(row, groupId);
    } else if (row.kind !== RowKind.account || !transit) {
      this.#cut(row);
    }
    if (endsBatch) this.#cut(row);
  }

  /** To be called after the last row. */
  end(last: JournalRow): void {
    this.#cut(last);
  }

  #begin(row: JournalRow): void {
    const { debitAccount, creditAccount, amount, entries } = row;
    if (debitAccount !== null || creditAccount !== null || amount !== null || entries !== null) {
      this.#find('I17', row, 'a group moves something itself');
    }
    const legs = legsOf(row.details?.options ?? '');
    if (legs === undefined) this.#find('I17', row, 'a group does not state how many legs it has');
    else this.#open = { header: row, legs, read: 0, broken: 0 };
  }

  #leg(row: JournalRow, groupId: string): void {
    const group = this.#open;
    if (group?.header.id !== groupId) {
      this.#find('I17', row, `is a leg of group ${groupId}, which it does not follow`);
      return;
    }
    if (row.id !== legId(groupId, group.read)) {
      this.#find('I17', row, `is not leg ${group.read} of group ${groupId}`);
    }
    if (!LEG_KINDS.has(row.kind) || row.key !== '') {
      this.#find('I17', row, `cannot be a leg of a group`);
    }
    this.#outcome(row, group);
    group.read += 1;
    if (group.read < group.legs) return;
    this.#open = null;
    if (group.header.reason !== Reason.UNSPECIFIED && group.broken !== 1) {
      this.#find('I17', group.header, `the group failed by ${group.broken} of its legs`);
    }
  }

  #outcome(row: JournalRow, group: OpenGroup): void {
    const { reason } = group.header;
    if ((reason === Reason.UNSPECIFIED) !== (row.reason === Reason.UNSPECIFIED)) {
      this.#find('I17', row, `leg ${group.read} has another outcome than its group`);
    }
    if (row.reason === Reason.UNSPECIFIED || row.reason === Reason.GROUP_FAILED) return;
    group.broken += 1;
    if (row.reason !== reason) this.#find('I17', row, 'the group has another reason than its leg');
  }

  #cut(row: JournalRow): void {
    if (this.#open === null) return;
    const { header, legs, read } = this.#open;
    this.#find('I17', row, `group ${header.id} ends after ${read} of its ${legs} legs`);
    this.#open = null;
  }
}

function legsOf(options: string): number | undefined {
  const text = /^\{"action":"group","legs":(\d{1,4})\}$/u.exec(options)?.[1];
  const legs = Number(text);
  return legs >= 1 && legs <= GROUP_LEGS_MAX ? legs : undefined;
}
