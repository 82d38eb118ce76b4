import { z } from 'zod';
import type { RegionName } from '../../topology/topology.ts';
import type { OperatedBook, OperatedInstallation } from '../operated-installation.ts';
import {
  type Acting,
  type CompletedChange,
  type ChangeResult,
  type Outline,
  type Plan,
  requireDoable,
} from '../change-plan.ts';
import { Recorder } from '../change-recorder.ts';
import type { BookFacts } from '../safety.ts';

/**
 * What an operator may do to an installation, as data: an entry has all that the operator, the
 * command line, the record in the books and `--json` need to know of a change. Entries are made by
 * `bookChange` and `regionChange` and listed in all.ts.
 */

/** An option of the command of a change, apart from those that every change has. */
export interface ChangeOption {
  /** As in the request. */
  readonly name: string;
  readonly help: string;
  /** `region`: the name of one, which must be given; `switch`: true if it is given. */
  readonly takes: 'region' | 'switch';
}

interface Described<Request extends { readonly kind: string }> {
  /** Name in the command line and in the books: words in lower case with hyphens. */
  readonly kind: Request['kind'];
  readonly help: string;
  /** Arguments of the command. */
  readonly examples: readonly string[];
  readonly options?: readonly ChangeOption[];
}

interface BookRequest {
  readonly kind: string;
  /** Name or number. */
  readonly book: string;
  /** The region that is to lead it, if it is moved. */
  readonly to?: RegionName;
}

interface RegionRequest {
  readonly kind: string;
  readonly region: RegionName;
}

export interface OperatorChange<Request extends { readonly kind: string }> extends Required<
  Described<Request>
> {
  /** What it is about, and the field of the request that names it. */
  readonly subject: 'book' | 'region';
  /** A request, from its fields as a command line gives them. Throws ZodError. */
  readonly read: (fields: unknown) => Request;
  /** What it would do now, and the objections to it; changes nothing. Throws UnknownNameError. */
  plan(installation: OperatedInstallation, request: Request): Promise<Plan>;
  /**
   * Makes it and records it in the books concerned.
   * @throws RefusedError, NotPossibleError, UnknownNameError, or Error if it did not succeed
   */
  make(
    installation: OperatedInstallation,
    request: Request,
    acting: Acting,
  ): Promise<CompletedChange>;
}

/** What the execution of a change works with. */
export interface ChangeContext {
  readonly installation: OperatedInstallation;
  readonly plan: Plan;
  readonly acting: Acting;
  readonly recorder: Recorder;
}

export interface BookWork extends ChangeContext {
  readonly book: OperatedBook;
  readonly facts: BookFacts;
}

export interface RegionWork extends ChangeContext {
  readonly books: readonly OperatedBook[];
  readonly facts: readonly BookFacts[];
}

interface BookChange<Request extends BookRequest> extends Described<Request> {
  /** Pure. */
  readonly outline: (facts: BookFacts, request: Request) => Outline;
  /** What is recorded with it in the book. Pure. */
  readonly details?: (facts: BookFacts, request: Request, plan: Plan) => ChangeResult;
  readonly carryOut: (work: BookWork, request: Request) => Promise<ChangeResult>;
}

interface RegionChange<Request extends RegionRequest> extends Described<Request> {
  /** Books whose facts decide, and which record it; all where it is not given. Pure. */
  readonly concerns?: (book: OperatedBook, request: Request) => boolean;
  /** Pure. */
  readonly outline: (books: readonly BookFacts[], request: Request) => Outline;
  readonly carryOut: (work: RegionWork, request: Request) => Promise<ChangeResult>;
}

/** A change of one book. */
export function bookChange<Schema extends z.ZodType<BookRequest>>(
  request: Schema,
  { outline, details, carryOut, ...described }: BookChange<z.infer<Schema>>,
): OperatorChange<z.infer<Schema>> {
  type Request = z.infer<Schema>;
  const { kind } = described;
  const look = async (installation: OperatedInstallation, asked: Request) => {
    const book = installation.book(asked.book);
    if (asked.to !== undefined) installation.requireRegion(asked.to);
    const facts = await installation.patientFacts(book);
    return { book, facts, plan: planOf(kind, book.name, outline(facts, asked)) };
  };
  return {
    options: [],
    ...described,
    subject: 'book',
    read: (fields) => z.parse(request, fields),
    plan: async (installation, asked) => (await look(installation, asked)).plan,
    async make(installation, asked, acting) {
      const { book, facts, plan } = await look(installation, asked);
      requireDoable(plan);
      const recorder = new Recorder(kind, book.name, acting, details?.(facts, asked, plan));
      const work = { installation, plan, acting, recorder, book, facts };
      return recorder.during([book], () => carryOut(work, asked));
    },
  };
}

/** A change of a region, for all books that it concerns. */
export function regionChange<Schema extends z.ZodType<RegionRequest>>(
  request: Schema,
  { concerns = () => true, outline, carryOut, ...described }: RegionChange<z.infer<Schema>>,
): OperatorChange<z.infer<Schema>> {
  type Request = z.infer<Schema>;
  const { kind } = described;
  const look = async (installation: OperatedInstallation, asked: Request) => {
    installation.requireRegion(asked.region);
    const books = installation.books.filter((book) => concerns(book, asked));
    const facts = await Promise.all(books.map((book) => installation.patientFacts(book)));
    return { books, facts, plan: planOf(kind, asked.region, outline(facts, asked)) };
  };
  return {
    options: [],
    ...described,
    subject: 'region',
    read: (fields) => z.parse(request, fields),
    plan: async (installation, asked) => (await look(installation, asked)).plan,
    async make(installation, asked, acting) {
      const { books, facts, plan } = await look(installation, asked);
      requireDoable(plan);
      const recorder = new Recorder(kind, asked.region, acting);
      const work = { installation, plan, acting, recorder, books, facts };
      return recorder.during(books, () => carryOut(work, asked));
    },
  };
}

const planOf = (kind: string, subject: string, outline: Outline): Plan => ({
  kind,
  subject,
  warnings: [],
  accepted: [],
  impossible: [],
  ...outline,
});
