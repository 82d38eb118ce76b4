import { z } from 'zod';
import { fenceBook, unfenceBook } from '../../../ledger/store/postgres/fence.ts';
import type { OperatedBook, OperatedInstallation } from '../operated-installation.ts';
import { LeaderWatch } from '../leader-watch.ts';
import { objection } from '../objection.ts';
import type { Outline } from '../change-plan.ts';
import { type BookFacts, headOf, primaryOf } from '../safety.ts';
import { bookChange } from './operator-change.ts';

/** A fence is durable only once a second region has it. */
const FENCE_MS = 15_000;
const LEADING_MS = 30_000;

/** Keeps every server from leading a book until `unfence`. */
export const fence = bookChange(z.object({ kind: z.literal('fence'), book: z.string() }), {
  kind: 'fence',
  help: 'keep every server from leading a book: it takes no payments',
  examples: ['eu-west-1 --why OPS-4711'],
  outline: outlineFence,
  async carryOut({ installation, book, facts, acting, recorder }) {
    const { database } = primaryMember(installation, book, facts);
    recorder.step(`fencing ${book.name}`);
    const { epoch } = await database.ask(
      (sql) => fenceBook(sql, acting.by, Date.now() * 1_000),
      FENCE_MS,
    );
    recorder.step(`${book.name} has no leader from epoch ${epoch} on`);
    return { epoch };
  },
});

/** Lets a fenced book be led again, and waits until it has a leader. */
export const unfence = bookChange(z.object({ kind: z.literal('unfence'), book: z.string() }), {
  kind: 'unfence',
  help: 'let a fenced book be led again',
  examples: ['eu-west-1 --why OPS-4711'],
  outline: outlineUnfence,
  async carryOut({ installation, book, facts, recorder }) {
    const { database } = primaryMember(installation, book, facts);
    const watch = new LeaderWatch(book);
    try {
      recorder.step(`removing the fence of ${book.name}`);
      await database.ask((sql) => unfenceBook(sql), FENCE_MS);
      const { epoch } = await watch.newLeader(headOf(facts)?.epoch ?? 0, LEADING_MS);
      recorder.step(`${book.name} is led in epoch ${epoch}`);
      return { epoch };
    } finally {
      watch.close();
    }
  },
});

export function outlineFence(facts: BookFacts): Outline {
  const isFenced = headOf(facts)?.fenced === true;
  const why = 'no primary answers that could record the fence durably';
  return {
    steps: [
      'raise the epoch and mark the book as fenced, in one commit that a second region has',
      'its leader steps down; it has no leader until "meridian unfence"',
    ],
    warnings: ['the book takes no payments until it is unfenced'],
    objections: isFenced ? [objection('FENCED_ALREADY', 'it is fenced already')] : [],
    impossible: primaryOf(facts) === undefined ? [objection('NO_PRIMARY', why)] : [],
  };
}

export function outlineUnfence(facts: BookFacts): Outline {
  const isOpen = headOf(facts)?.fenced === false;
  const hasPrimary = primaryOf(facts) !== undefined;
  return {
    steps: ['remove the mark; the ledger server of the primary takes the book over'],
    objections: isOpen ? [objection('NOT_FENCED', 'it is not fenced')] : [],
    impossible: hasPrimary ? [] : [objection('NO_PRIMARY', 'no primary answers')],
  };
}

function primaryMember(installation: OperatedInstallation, book: OperatedBook, facts: BookFacts) {
  const primary = primaryOf(facts);
  if (primary === undefined) throw new Error(`no primary of ${book.name} answers`);
  return installation.member(book, primary.facts.member.region);
}
