import type { MemberState, ReplicatedState } from '../topology/state.ts';
import { askLedger } from './ask-ledger.ts';
import { askPostgres } from './ask-postgres.ts';
import type { Answer, MemberFacts } from './facts.ts';
import { MemberDatabase } from './member-database.ts';
import { Patroni } from './patroni.ts';
import { QUESTION_MS, reasonOf, within } from './within.ts';

/** One copy of a book, as an operator reaches it: its Patroni, Postgres and ledger server. */
export class Member {
  readonly state: MemberState;
  readonly patroni: Patroni;
  readonly database: MemberDatabase;

  constructor(state: MemberState, auth: ReplicatedState['patroniAuth']) {
    this.state = state;
    this.patroni = new Patroni(state.patroniUrl, auth);
    this.database = new MemberDatabase(state.adminUrl);
  }

  /** Asks all three parts at once. Never throws: silent parts are named. */
  async facts(): Promise<MemberFacts> {
    const [patroni, postgres, ledger] = await Promise.all([
      answerOf(this.patroni.facts()),
      answerOf(this.database.ask(askPostgres)),
      answerOf(askLedger(this.state.ledgerAddress)),
    ]);
    return { member: this.state, patroni, postgres, ledger };
  }
}

async function answerOf<T extends object>(question: Promise<T>): Promise<Answer<T>> {
  question.catch(() => undefined);
  try {
    return await within(QUESTION_MS, question);
  } catch (error) {
    return { silent: reasonOf(error) };
  }
}
