import { drainedRegions, type DrainMark } from '../etcd/drained.ts';
import { Etcd } from '../etcd/etcd.ts';
import type { ReplicatedState } from '../topology/state.ts';
import type { CoordinationFacts, EtcdFacts } from './facts.ts';
import { QUESTION_MS, within } from './within.ts';

/** Where Patroni keeps the state of the books: `namespace` of its configuration. */
const PATRONI = '/meridian/patroni/';

/** Its value is the name of the member that leads a book, as long as it renews its lease. */
export const leaseKey = (book: string): string => `${PATRONI}${book}/leader`;

/** What etcd contains about everything at one moment. */
export interface EtcdAnswer {
  readonly etcd: EtcdFacts;
  /** Undefined: no member of etcd is part of a majority. */
  readonly agreed:
    | {
        readonly books: ReadonlyMap<string, CoordinationFacts>;
        readonly drained: ReadonlyMap<string, DrainMark>;
      }
    | undefined;
}

/**
 * Asks every member of etcd separately. The reads are linearizable, so a member that answers is
 * part of a majority, and its answer is not out of date. Never throws.
 */
export async function askEtcd(members: ReplicatedState['etcd']): Promise<EtcdAnswer> {
  const answers = await Promise.all(members.map((member) => askMember(member)));
  const agreed = answers.find((answer) => answer !== undefined);
  const healthy = members.flatMap(({ region }, index) =>
    answers[index] === undefined ? [] : [region],
  );
  return { etcd: { healthy, members: members.length }, agreed };
}

async function askMember({ url }: ReplicatedState['etcd'][number]) {
  const etcd = new Etcd([url]);
  try {
    const [patroni, drained] = await within(
      QUESTION_MS,
      Promise.all([etcd.list(PATRONI), drainedRegions(etcd)]),
    );
    return { books: booksFrom(patroni), drained };
  } catch {
    return undefined;
  }
}

function booksFrom(keys: ReadonlyMap<string, string>): ReadonlyMap<string, CoordinationFacts> {
  const books = new Map<string, CoordinationFacts>();
  for (const key of keys.keys()) {
    const [name] = key.slice(PATRONI.length).split('/');
    if (name !== undefined) books.set(name, { leader: keys.get(leaseKey(name)) });
  }
  return books;
}
