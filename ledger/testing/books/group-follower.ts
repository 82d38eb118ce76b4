import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import { assert } from '../../core/assert.ts';
import { type JournalRow, RowKind } from '../../core/journal-row.ts';

/** A group whose legs are being read. */
interface OpenGroup {
  readonly id: string;
  readonly reason: Reason;
  readonly legs: number;
  readonly reasons: Reason[];
}

/** Follows groups: their legs come right after them, and all are applied or none (I17). */
export class GroupFollower {
  #open: OpenGroup | undefined;

  take({ seq, id, kind, reason, details }: JournalRow): void {
    const group = this.#open;
    if (kind === RowKind.group) {
      assert(group === undefined, `I17: group ${id} begins after the legs of the one before`);
      const legs = Number(/"legs":(\d+)/u.exec(details?.options ?? '')?.[1] ?? 0);
      assert(legs > 0, `I17: group ${id} has legs`);
      this.#open = { id, reason, legs, reasons: [] };
      return;
    }
    const groupId = details?.groupId ?? null;
    if (group === undefined) {
      assert(groupId === null, `I17: row ${seq} is a leg outside of its group`);
      return;
    }
    if (kind === RowKind.account && group.reason === Reason.UNSPECIFIED) return;
    assert(groupId === group.id, `I17: row ${seq} is a leg of group ${group.id}`);
    group.reasons.push(reason);
    if (group.reasons.length < group.legs) return;
    checkLegs(group);
    this.#open = undefined;
  }

  /** A batch is over: so are its groups. */
  end(): void {
    assert(this.#open === undefined, `I17: group ${this.#open?.id} has all of its legs`);
  }
}

function checkLegs({ id, reason, reasons }: OpenGroup): void {
  if (reason === Reason.UNSPECIFIED) {
    assert(
      reasons.every((leg) => leg === Reason.UNSPECIFIED),
      `I17: group ${id} applied all of its legs`,
    );
    return;
  }
  const others = reasons.filter((leg) => leg !== Reason.GROUP_FAILED);
  assert(others.length === 1 && others[0] === reason, `I17: one leg broke group ${id}`);
}
