import { fenceBook, unfenceBook } from '../../ledger/store/fence.ts';
import type { Book, Installation } from './installation.ts';
import { LeaderWatch } from './leader-watch.ts';
import { type Acting, type Operation, requireDoable } from './operation.ts';
import { planFence, planUnfence } from './plan.ts';
import { Recorder } from './recorder.ts';
import { type BookFacts, headOf, primaryOf } from './safety.ts';

/** A fence is durable only once a second region has it. */
const FENCE_MS = 15_000;
const LEADING_MS = 30_000;

/** Keeps every server from leading a book until `unfence`. */
export async function fence(
  installation: Installation,
  book: Book,
  acting: Acting,
): Promise<Operation> {
  const facts = await installation.patientFacts(book);
  requireDoable(planFence(facts));
  const recorder = new Recorder('fence', book.name, acting);
  const { database } = primaryMember(installation, book, facts);
  return recorder.during([book], async () => {
    recorder.step(`fencing ${book.name}`);
    const { epoch } = await database.ask(
      (sql) => fenceBook(sql, acting.by, Date.now() * 1_000),
      FENCE_MS,
    );
    recorder.step(`${book.name} has no leader from epoch ${epoch} on`);
    return { epoch };
  });
}

/** Lets a fenced book be led again, and waits until it has a leader. */
export async function unfence(
  installation: Installation,
  book: Book,
  acting: Acting,
): Promise<Operation> {
  const facts = await installation.patientFacts(book);
  requireDoable(planUnfence(facts));
  const recorder = new Recorder('unfence', book.name, acting);
  const { database } = primaryMember(installation, book, facts);
  return recorder.during([book], async () => {
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
  });
}

function primaryMember(installation: Installation, book: Book, facts: BookFacts) {
  const primary = primaryOf(facts);
  if (primary === undefined) throw new Error(`no primary of ${book.name} answers`);
  return installation.member(book, primary.facts.member.region);
}
